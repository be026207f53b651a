"""What every test lives with: no network but loopback, and a count of the golden tables that were read."""

import asyncio
import ipaddress
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

GOLDEN_READ = pytest.StashKey[set[str]]()


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """A test that reaches out of the machine fails."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):  # type: ignore[index]
            pytest.fail(f"A test connected to {address}; only loopback is allowed.")
        connect(self, address)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


def _is_loopback(host: str) -> bool:
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


@pytest.fixture
def golden_read(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Call it with a golden table's name once its rows were read and found equal."""
    return request.config.stash[GOLDEN_READ].add


@pytest.fixture
def polled() -> Callable[..., Awaitable[None]]:
    """`await polled(condition, seconds=10)`: asks an async condition again and again until it holds, or fails."""

    async def poll(condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not await condition():
            assert time.monotonic() < deadline, f"{condition.__name__} did not come true within {seconds} s"
            await asyncio.sleep(0.05)

    return poll


def pytest_configure(config: pytest.Config) -> None:
    config.stash[GOLDEN_READ] = set()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The run's last line."""
    read = config.stash.get(GOLDEN_READ, set())
    if read or os.environ.get("LAKESHARE_GOLDEN"):
        print(f"Golden tables read: {len(read)}")  # noqa: T201
