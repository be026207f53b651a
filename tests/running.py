"""A real `lakeshare serve` in a process of its own, for tests that need one."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
LAKESHARE = str(Path(sys.executable).with_name("lakeshare"))


@dataclass(frozen=True)
class RunningServer:
    home: Path
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def endpoint(self) -> str:
        return f"{self.url}/delta-sharing"


@contextmanager
def running_server(home: Path, *arguments: str, **environment: str) -> Iterator[RunningServer]:
    """Serve `home` on a free port until the block ends."""
    port = free_port()
    log = home.parent / f"{home.name}-server.log"
    command = [LAKESHARE, "--home", str(home), "serve", "--port", str(port), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, **environment})
    try:
        _wait_for(port, process, log)
        yield RunningServer(home, f"http://127.0.0.1:{port}", process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lakeshare(*arguments: str, home: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as a person would."""
    command = [LAKESHARE, *(["--home", str(home)] if home else []), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def plain(text: str) -> str:
    """The text without a terminal's colours, and with its lines unwrapped."""
    return re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", text))


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")
