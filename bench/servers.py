"""Servers in processes of their own, one at a time, over one home."""

import os
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


@dataclass(frozen=True)
class Server:
    endpoint: str
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    def query_url(self, table: str) -> str:
        return f"{self.endpoint}{table}/query"

    def kill(self) -> None:
        """As a crash would end it."""
        self.process.kill()
        self.process.wait()


@contextmanager
def lakeshare_server(home: Path, *options: str, **environment: str) -> Iterator[Server]:
    """`lakeshare serve` until the block ends, from the moment that it listens."""
    command = [str(Path(sys.executable).with_name("lakeshare")), "--home", str(home), "serve", *options, "--port"]
    with _running(command, home, environment) as server:
        yield server


@contextmanager
def s3_server(home: Path) -> Iterator[Server]:
    """The same application with S3's URLs in place of its own. See s3_urls.py."""
    command = [sys.executable, str(Path(__file__).with_name("s3_urls.py")), str(home)]
    with _running(command, home, {}) as server:
        yield server


def start_new_signing_window(server: Server) -> None:
    """Move the S3 server's clock, so that what it answers next has to be signed afresh."""
    server.process.send_signal(signal.SIGUSR1)
    time.sleep(0.05)


@contextmanager
def _running(command: list[str], home: Path, environment: dict[str, str]) -> Iterator[Server]:
    port = _free_port()
    log = home.parent / "server.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAKESHARE_")}
    with log.open("wb") as output:
        process = subprocess.Popen([*command, str(port)], stdout=output, stderr=output, env=inherited | environment)
    try:
        _wait_for(port, process, log)
        yield Server(f"http://127.0.0.1:{port}/delta-sharing", process)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.002)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")
