"""A client that costs as little as Python allows, so that what is measured is the server."""

import asyncio
import re
import socket
import time
from urllib.parse import urlsplit

import uvloop


def requests_per_second(url: str, token: str, *, connections: int = 16, seconds: float = 4.0) -> float:
    """Keep-alive GETs, one at a time on each connection, for a while."""
    return uvloop.run(_hammer(url, token, connections, seconds))


def stream(url: str, token: str, body: bytes, headers: str = "") -> tuple[int, int, float, float]:
    """POST and read to the end: lines, bytes, seconds to the first byte of the body, seconds in all."""
    at = urlsplit(url)
    request = (
        f"POST {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {token}\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    lines = size = 0
    first, last_byte = 0.0, b""
    with socket.create_connection((at.hostname or "", at.port or 80)) as connection:
        start = time.perf_counter()
        connection.sendall(request)
        while part := connection.recv(1 << 20):
            if not size:
                first = time.perf_counter() - start
                if not part.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(part[:500].decode())
            lines += (last_byte + part).count(b"}\n")
            size += len(part)
            last_byte = part[-1:]
        return lines, size, first, time.perf_counter() - start


async def _hammer(url: str, token: str, connections: int, seconds: float) -> float:
    at = urlsplit(url)
    request = f"GET {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    hammers = [_Hammer(request) for _ in range(connections)]
    for hammer in hammers:
        await loop.create_connection(lambda hammer=hammer: hammer, at.hostname, at.port or 80)
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    answered = sum(hammer.answered for hammer in hammers)
    passed = time.perf_counter() - start
    for hammer in hammers:
        hammer.transport.close()
    refused = [hammer.refused for hammer in hammers if hammer.refused]
    if refused:
        raise RuntimeError(refused[0].decode())
    return answered / passed


class _Hammer(asyncio.Protocol):
    """Sends the request again whenever its answer is whole; stops at an answer that is not 200."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.answered = 0
        self.refused = b""
        self._received = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < int(_LENGTH.search(head)[1]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused = self._received
            return
        self.answered += 1
        self._received = b""
        self.transport.write(self.request)


_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
