"""Answers over a protocol that joins an answer's head to its body."""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lakeshare.server.one_write import _OneWrite
from listening import listening, open_stream


class FakeTransport:
    """Keeps what each of its system calls would have sent."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.calls.append(b"".join(parts))

    def close(self) -> None:
        self.calls.append(b"closed")


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


async def test_head_and_body_are_one_call_and_later_parts_one_each():
    fake = FakeTransport()
    transport = _OneWrite(fake, asyncio.get_running_loop())
    transport.write(HEAD)
    transport.write(b"body")
    transport.write(b"more")
    await asyncio.sleep(0)
    assert fake.calls == [HEAD + b"body", b"more"]


async def test_a_head_alone_is_sent_by_the_loops_next_turn():
    fake = FakeTransport()
    transport = _OneWrite(fake, asyncio.get_running_loop())
    transport.write(HEAD)
    await asyncio.sleep(0)
    assert fake.calls == [HEAD]


async def test_a_head_is_sent_before_the_connection_closes():
    fake = FakeTransport()
    transport = _OneWrite(fake, asyncio.get_running_loop())
    transport.write(HEAD)
    transport.close()
    await asyncio.sleep(0)
    assert fake.calls == [HEAD, b"closed"]


async def test_every_kind_of_answer_comes_whole():
    async def answer(request: Request) -> Response:
        if request.url.path == "/stream":
            return StreamingResponse(iter([b"a" * 100_000, b"", b"b"]))
        return Response(b"body" if request.url.path == "/body" else b"")

    app = Starlette(routes=[Route("/{kind}", answer)])
    async with listening(app) as port:
        for request, body in [
            ("GET /body", b"body"),
            ("GET /empty", b""),
            ("HEAD /body", b""),
            ("GET /stream", b"186a0\r\n" + b"a" * 100_000 + b"\r\n1\r\nb\r\n0\r\n\r\n"),
        ]:
            reader, writer, head = await open_stream(port, request)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert await reader.read() == body
            writer.close()
