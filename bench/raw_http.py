"""A client that costs as little as Python allows, so that what is measured is the server."""

import asyncio
import socket
import time
from urllib.parse import urlsplit


def requests_per_second(url: str, token: str, *, connections: int = 16, seconds: float = 4.0) -> float:
    """Keep-alive GETs, one at a time on each connection, for a while."""
    return asyncio.run(_hammer(url, token, connections, seconds))


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
    deadline = time.perf_counter() + seconds
    counts = await asyncio.gather(
        *(_one_connection(at.hostname or "", at.port or 80, request, deadline) for _ in range(connections))
    )
    return sum(counts) / seconds


async def _one_connection(host: str, port: int, request: bytes, deadline: float) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    done = 0
    while time.perf_counter() < deadline:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        done += 1
    writer.close()
    return done
