"""The raw client in a process of its own, so that it shares no interpreter lock with anything."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self


class Client:
    """Calls functions of raw_http.py in another process, one at a time; `begin` and `end` let it work meanwhile."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("raw_http.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,  # Ctrl-C is for the one who began it
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def call(self, function: str, **arguments: Any) -> dict[str, Any]:
        """What the function gives. Raises RuntimeError where the server refused or broke off."""
        self.begin(function, **arguments)
        return self.end()

    def begin(self, function: str, **arguments: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()

    def end(self) -> dict[str, Any]:
        assert self._process.stdout
        told = json.loads(self._process.stdout.readline() or '{"error": "the client died"}')
        if "error" in told:
            raise RuntimeError(told["error"])
        answer: dict[str, Any] = told["answer"]
        return answer
