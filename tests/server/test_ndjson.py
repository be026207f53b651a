"""Streams over real sockets, to clients that stall and clients that leave."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

from starlette.types import Receive, Scope, Send

from lakeshare.server.ndjson import StreamedLines
from listening import listening, open_stream

CHUNK = b'{"file":{}}\n' * 80_000  # about 1 MB
CHUNKS = 100
IN_FLIGHT = 20
"""More chunks than the sockets' buffers and the transport's hold, and far fewer than an answer has."""


class Answers:
    """An application that streams `CHUNKS` chunks to everyone, and knows how many it rendered for whom."""

    def __init__(self) -> None:
        self.rendered: dict[str, int] = {}
        self.closed: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await StreamedLines.start(self._chunks(scope["path"]), {})
        await response(scope, receive, send)

    def _chunks(self, path: str) -> Iterator[bytes]:
        self.rendered[path] = 0
        try:
            for _ in range(CHUNKS):
                self.rendered[path] += 1
                yield CHUNK
        finally:
            self.closed.add(path)


@asynccontextmanager
async def stalled(port: int, path: str) -> AsyncIterator[socket.socket]:
    """A client that asks and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(
            client, f"GET {path} HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n".encode()
        )
        yield client


async def test_a_client_that_stalls_holds_a_few_chunks_and_keeps_nobody_waiting():
    answers = Answers()
    async with listening(answers) as port, stalled(port, "/stalled/0"), stalled(port, "/stalled/1"):
        await until(lambda: len(answers.rendered) == 2)
        await settled(lambda: answers.rendered)
        reader, writer, _ = await open_stream(port, "GET /reading")
        assert (await reader.read()).count(b"}\n") == CHUNKS * CHUNK.count(b"\n")
        writer.close()
        assert answers.rendered.pop("/reading") == CHUNKS
        assert all(rendered <= IN_FLIGHT for rendered in answers.rendered.values())


async def test_a_client_that_was_slow_gets_everything():
    answers = Answers()
    async with listening(answers) as port, stalled(port, "/slow") as client:
        await settled(lambda: answers.rendered)
        size = 0
        while part := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
            size += len(part)
        assert size > CHUNKS * len(CHUNK)
        assert answers.rendered == {"/slow": CHUNKS}


async def test_a_stalled_client_that_leaves_ends_its_answer():
    answers = Answers()
    async with listening(answers) as port:
        async with stalled(port, "/left"):
            await settled(lambda: answers.rendered)
        await until(lambda: answers.closed == {"/left"})
        assert answers.rendered["/left"] <= IN_FLIGHT


async def test_a_reading_client_that_leaves_ends_its_answer():
    answers = Answers()
    async with listening(answers) as port:
        reader, writer, _ = await open_stream(port, "GET /left")
        await reader.readexactly(3 * len(CHUNK))
        writer.close()
        await until(lambda: answers.closed == {"/left"})
        assert answers.rendered["/left"] <= 3 + IN_FLIGHT


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  threads and sockets have no event for it
            await asyncio.sleep(0.01)


async def settled(look: Callable[[], dict[str, int]]) -> None:
    """Return when something was rendered, and nothing more for half a second."""
    seen: dict[str, int] = {}
    async with asyncio.timeout(20):
        while not seen or seen != look():
            seen = dict(look())
            await asyncio.sleep(0.5)
