"""An application on a real socket, in this process, and requests written by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from lakeshare.server.one_write import OneWriteProtocol


@asynccontextmanager
async def listening(app: ASGIApp) -> AsyncIterator[int]:
    """Serve the application on a real socket, in this process; gives the port."""
    config = uvicorn.Config(app, port=0, lifespan="off", ws="none", log_config=None, http=OneWriteProtocol)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def open_stream(port: int, request: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    """Send a request by hand; gives the streams and the head of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{request} HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n".encode())
    return reader, writer, await reader.readuntil(b"\r\n\r\n")
