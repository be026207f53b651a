"""A client that costs as little as Python allows, so that what is measured is the server.

Run as a program it is a process of its own: it reads a JSON line `[function, arguments]` and answers with a JSON line,
until its input ends. See client.py.
"""

import asyncio
import json
import re
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

_PART = 1 << 20


def stream(
    url: str, token: str, body: str = "{}", headers: str = "", *, count: bool = False, leave: bool = False
) -> dict[str, Any]:
    """POST and read to the end: bytes, seconds to the first byte and in all, and with `count` how many lines.

    With `leave` it goes away once it has the first byte.
    """
    buffer = memoryview(bytearray(_PART))
    size = lines = 0
    first, end = 0.0, b""
    with _connected(url) as connection:
        start = time.perf_counter()
        connection.sendall(_request("POST", url, token, body, headers))
        while received := connection.recv_into(buffer):
            if not size:
                first = time.perf_counter() - start
                _require_ok(bytes(buffer[: min(received, 500)]))
                if leave:
                    return {"first": first}
            size += received
            if count:
                lines += (end[-1:] + bytes(buffer[:received])).count(b"}\n")
            end = (end + bytes(buffer[max(0, received - 5) : received]))[-5:]
        seconds = time.perf_counter() - start
    if end != b"0\r\n\r\n":
        raise RuntimeError(f"the answer broke off behind {size} bytes")
    return {"bytes": size, "lines": lines, "first": first, "seconds": seconds}


def streams(url: str, token: str, number: int, body: str = "{}", headers: str = "") -> dict[str, Any]:
    """So many streams at once: bytes of them all, and seconds until the last one is whole."""
    answers: list[dict[str, Any]] = []
    readers = [
        threading.Thread(target=lambda: answers.append(stream(url, token, body, headers))) for _ in range(number)
    ]
    start = time.perf_counter()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    if len(answers) < number:
        raise RuntimeError(f"only {len(answers)} of {number} streams came to their end")
    return {"bytes": sum(answer["bytes"] for answer in answers), "seconds": time.perf_counter() - start}


def slow_stream(url: str, token: str, seconds: float, bytes_per_second: int) -> dict[str, Any]:
    """POST, read slowly for a while, and leave in the middle."""
    size = 0
    with _connected(url, receive_buffer=65_536) as connection:
        start = time.perf_counter()
        connection.sendall(_request("POST", url, token, "{}", ""))
        while (passed := time.perf_counter() - start) < seconds:
            if size > passed * bytes_per_second:
                time.sleep(0.02)
                continue
            received = connection.recv(16_384)
            if not received:
                raise RuntimeError(f"the answer ended behind {size} bytes")
            if not size:
                _require_ok(received)
            size += len(received)
    return {"bytes": size}


def commit_visible(draft: str, commit: str, url: str, token: str, body: str, awaited: str) -> dict[str, Any]:
    """Rename a draft to a commit and query until an answer tells the awaited text: seconds, and how many queries."""
    queries = 0
    start = time.perf_counter()
    Path(draft).rename(commit)
    while time.perf_counter() - start < 60:
        queries += 1
        with _connected(url) as connection:
            connection.sendall(_request("POST", url, token, body, ""))
            answer = b"".join(iter(lambda: connection.recv(_PART), b""))
        _require_ok(answer[:500])
        if awaited.encode() in answer:
            return {"seconds": time.perf_counter() - start, "queries": queries}
    raise RuntimeError(f"{awaited} was not told within a minute")


def requests(url: str, tokens: list[str], *, connections: int = 16, seconds: float = 3.0) -> dict[str, Any]:
    """Keep-alive GETs, one at a time on each connection, with one token after the other: answers, seconds."""
    return uvloop.run(_hammer(url, tokens, connections, seconds))


def paced(url: str, token: str, *, every: float = 0.01, seconds: float = 3.0) -> dict[str, Any]:
    """A keep-alive GET at fixed times: seconds of each from the time it was due, so that a stall counts for all."""
    latencies = []
    request = _request("GET", url, token, "", "")
    with _connected(url) as connection:
        start = time.perf_counter()
        for number in range(int(seconds / every)):
            due = start + number * every
            time.sleep(max(0.0, due - time.perf_counter()))
            connection.sendall(request)
            answer = connection.recv(_PART)
            while not _is_whole(answer):
                answer += connection.recv(_PART)
            _require_ok(answer[:500])
            latencies.append(time.perf_counter() - due)
    return {"latencies": latencies}


async def _hammer(url: str, tokens: list[str], connections: int, seconds: float) -> dict[str, Any]:
    at = urlsplit(url)
    loop = asyncio.get_running_loop()
    sent = [_request("GET", url, token, "", "") for token in tokens]
    hammers = [_Hammer(sent[number::connections] or sent) for number in range(connections)]
    start = time.perf_counter()
    for hammer in hammers:
        await loop.create_connection(lambda hammer=hammer: hammer, at.hostname, at.port)
    await asyncio.sleep(seconds)
    for hammer in hammers:
        hammer.stop()
    passed = time.perf_counter() - start
    await asyncio.wait_for(asyncio.gather(*(hammer.idle.wait() for hammer in hammers)), 60)
    for hammer in hammers:
        hammer.transport.close()
        _require_ok(hammer.refused[:500] or b"HTTP/1.1 200")
    return {"answered": sum(hammer.answered for hammer in hammers), "seconds": passed}


class _Hammer(asyncio.Protocol):
    """Sends the next request whenever an answer is whole; stops when told, or at an answer that is not 200."""

    def __init__(self, sent: list[bytes]) -> None:
        self.answered = 0
        self.refused = b""
        self.idle = asyncio.Event()
        self._sent = sent
        self._stopped = False
        self._received = b""

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(self._sent[0])

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_whole(self._received):
            return
        if not self._received.startswith(b"HTTP/1.1 200"):
            self.refused = self._received
            self.idle.set()
            return
        self._received = b""
        self.answered += 1
        if self._stopped:
            self.idle.set()
        else:
            self.transport.write(self._sent[self.answered % len(self._sent)])

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.idle.is_set():
            self.refused = f"the connection was lost: {exc}".encode()
            self.idle.set()

    def stop(self) -> None:
        self._stopped = True


_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    length = _LENGTH.search(head)
    return len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n")


def _request(method: str, url: str, token: str, body: str, headers: str) -> bytes:
    at = urlsplit(url)
    ending = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n" if body else ""
    return (
        f"{method} {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {token}\r\n"
        f"{headers}{ending}\r\n{body}"
    ).encode()


def _connected(url: str, receive_buffer: int = 0) -> socket.socket:
    at = urlsplit(url)
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.connect((at.hostname, at.port))
    return connection


def _require_ok(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(answer.decode(errors="replace"))


_FUNCTIONS = {
    function.__name__: function for function in (stream, streams, slow_stream, commit_visible, requests, paced)
}


def _main() -> None:
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"answer": _FUNCTIONS[name](**arguments)}
        except (OSError, RuntimeError) as error:
            answer = {"error": f"{name}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _main()
