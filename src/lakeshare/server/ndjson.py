"""Streams an answer's lines: rendered off the event loop, one chunk at a time, no faster than the client takes them."""

import asyncio
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import ParamSpec, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lakeshare.operations.answers import Chunk
from lakeshare.server.callers import wait_until_gone

NDJSON = "application/x-ndjson; charset=utf-8"


def whole_lines(chunks: Generator[Chunk, None, None]) -> Iterator[bytes]:
    """What clients get of chunks that are not encoded. Close it as the chunks themselves."""
    with closing(chunks):
        for chunk in chunks:
            yield chunk.lines + (chunk.end or b"")


class StreamedLines(Response):
    """A response whose first chunk is at hand. The next is rendered when the one before it was taken.

    Where rendering fails after the first, the answer ends with the line that `broken_off` makes of the error; without
    it, the connection breaks. Where the client leaves, the chunks are closed.
    """

    def __init__(
        self,
        first: bytes,
        rest: Iterator[bytes],
        headers: dict[str, str],
        broken_off: Callable[[Exception], bytes] | None = None,
    ) -> None:
        super().__init__(headers={**headers, "content-type": NDJSON})
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._broken_off = broken_off

    @classmethod
    async def start(
        cls,
        chunks: Iterator[bytes],
        headers: dict[str, str],
        broken_off: Callable[[Exception], bytes] | None = None,
    ) -> "StreamedLines":
        """Render the first chunk, so that what fails there is still answered by a status of its own."""
        return cls(await _in_renderer(next, chunks), chunks, headers, broken_off)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's signature
        left = asyncio.create_task(wait_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            chunk: bytes | None = self._first
            while chunk is not None:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if left.done():
                    return
                chunk = await self._next()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            left.cancel()
            close = getattr(self._rest, "close", None)
            if close is not None:
                await _in_renderer(close)

    async def _next(self) -> bytes | None:
        """The next chunk; the error's line where there is none for an error, and nothing after that."""
        try:
            return await _in_renderer(next, self._rest, None)
        except Exception as error:
            if self._broken_off is None:
                raise
            return self._broken_off(error)


_P = ParamSpec("_P")
_T = TypeVar("_T")

_renderer = ThreadPoolExecutor(1, thread_name_prefix="render")
"""One thread renders for all answers, turn by turn. Rendering holds the interpreter, so that more threads make nothing
faster, and each of them lets every request wait for one interval more. What an answer does next comes behind what it
did last, too: chunks are never closed while they are being rendered."""


async def _in_renderer(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    return await asyncio.get_running_loop().run_in_executor(_renderer, partial(call, *args, **kwargs))
