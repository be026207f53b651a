"""The local file server: hands out the files of local tables as an object store would, by signed URL alone.

A URL (storage/local_urls.py) is checked before anything else is looked at. What it names is then opened below the
table's root, and every further question is asked of the open descriptor.
"""

import asyncio
import os
import uuid
from dataclasses import dataclass
from email.utils import formatdate
from typing import BinaryIO
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from lakeshare.catalog.model import Table
from lakeshare.errors import NotFound, PermissionDenied, Unavailable
from lakeshare.operations.services import Services
from lakeshare.server.byte_ranges import select
from lakeshare.server.callers import wait_until_gone
from lakeshare.server.errors import answer_to
from lakeshare.storage.backends.local import open_below, path_of
from lakeshare.storage.base import ObjectMissing
from lakeshare.storage.local_urls import CREDENTIAL, EXPIRES, PURPOSE, SIGNATURE, SignedFile, is_valid
from lakeshare.storage.locations import local_path, scheme_of

CHUNK_BYTES = 1024 * 1024


def file_routes() -> list[BaseRoute]:
    """GET and HEAD of signed URLs. `app.state.services` holds the Services."""
    return [Route(f"{_PREFIX}{{path:anything}}", _endpoint, methods=["GET"])]


async def _endpoint(request: Request) -> Response:
    try:
        return await _serve(request.app.state.services, request)
    except Exception as error:  # noqa: BLE001  the boundary: whatever it is, the recipient gets a plain answer
        return answer_to(error, str(uuid.uuid4()))


async def _serve(services: Services, request: Request) -> Response:
    signed = _verified(services, request.scope)
    table = await services.access.table_roots(signed.table_id)
    opened = await run_in_threadpool(_open, services, table, signed)
    selection = select(_joined(request), head=request.method == "HEAD", size=opened.size, etag=opened.etag)
    headers = {
        "etag": opened.etag,
        "last-modified": opened.last_modified,
        "accept-ranges": "bytes",
        "cache-control": "private, no-cache",  # may be kept, but every use asks again, so that an expiry is an expiry
        "content-type": "application/octet-stream",
        "x-content-type-options": "nosniff",
    }
    if selection.status == _PARTIAL:
        headers["content-range"] = f"bytes {selection.part[0]}-{selection.part[-1]}/{opened.size}"
    elif selection.status == _UNSATISFIABLE:
        headers["content-range"] = f"bytes */{opened.size}"
    if selection.status != _NOT_MODIFIED:
        headers["content-length"] = str(len(selection.part))
    if request.method == "HEAD" or not selection.part:
        opened.file.close()
        return Response(status_code=selection.status, headers=headers)
    return _FilePart(opened, selection.part, selection.status, headers)


def _verified(services: Services, scope: Scope) -> SignedFile:
    """The file that the URL names, if this server signed it and it has not expired. Raises PermissionDenied."""
    signed = _parse(scope)
    if signed is not None:
        file, key_id, signature = signed
        key = services.keyring.find(PURPOSE, key_id)
        if key is not None and is_valid(key.secret, file, signature):
            if services.clock() < int(file.expires_at) * 1000:
                return file
            raise PermissionDenied("The URL has expired.", hint="Query the table again for fresh ones.")
    raise PermissionDenied("The URL is not one that this server signed.", hint="Use it exactly as the server gave it.")


def _parse(scope: Scope) -> tuple[SignedFile, str, str] | None:
    """The file, the key id and the signature that a URL claims.

    The path is taken as it was sent and decoded once: the framework's own decoding loses `%2F` and invalid UTF-8.
    """
    parts = scope["raw_path"].partition(_PREFIX.encode())[2].split(b"/", 2)
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    values = dict(query)
    names = [name for name, _ in query]
    if len(parts) != 3 or any(names.count(name) != 1 for name in (CREDENTIAL, EXPIRES, SIGNATURE)):  # noqa: PLR2004
        return None
    try:
        table_id, root, path = parts[0].decode("ascii"), parts[1].decode("ascii"), unquote_to_bytes(parts[2]).decode()
    except UnicodeDecodeError:
        return None
    if not (root.isdecimal() and values[EXPIRES].isdecimal()):
        return None
    return SignedFile(table_id, root, path, values[EXPIRES]), values[CREDENTIAL], values[SIGNATURE]


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """An open file and what it was when it was opened."""

    file: BinaryIO
    size: int
    etag: str
    last_modified: str


def _open(services: Services, table: Table | None, signed: SignedFile) -> _OpenFile:
    """Raises NotFound where it is absent or lies outside of what may be served, Unavailable where the disk fails."""
    roots = () if table is None else (table.location, *table.also)
    index = int(signed.root)
    if index >= len(roots) or scheme_of(roots[index]) != "file":
        raise _absent()
    try:
        descriptor = open_below(local_path(roots[index]), signed.path)
    except ObjectMissing:
        raise _absent() from None
    except OSError as error:
        raise Unavailable("The file cannot be read at the moment.", detail=f"{signed.path}: {error}") from error
    file = os.fdopen(descriptor, "rb", buffering=0)
    if services.local_roots is not None:
        real = path_of(descriptor)
        if not any(real.is_relative_to(local_path(root)) for root in services.local_roots):
            file.close()
            raise _absent()
    status = os.fstat(descriptor)
    return _OpenFile(file, status.st_size, _etag(status), formatdate(status.st_mtime, usegmt=True))


def _etag(status: os.stat_result) -> str:
    """Strong: a file that is rewritten or replaced gets another one."""
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"'


class _FilePart(Response):
    """Bytes `part` of an open file, read in threads no faster than the client takes them. Closes the file."""

    def __init__(self, opened: _OpenFile, part: range, status: int, headers: dict[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self._opened = opened
        self._part = part

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  Starlette's signature
        gone = asyncio.create_task(wait_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            offset, stop = self._part.start, self._part.stop
            while offset < stop and not gone.done():
                chunk = await run_in_threadpool(self._read, offset)
                offset += len(chunk)
                await send({"type": "http.response.body", "body": chunk, "more_body": offset < stop})
        finally:
            gone.cancel()
            self._opened.file.close()

    def _read(self, offset: int) -> bytes:
        """The next bytes. Raises Unavailable where the file is no longer what its ETag says.

        That breaks the connection short of its Content-Length, so that nobody takes a torn file for a whole one.
        """
        descriptor = self._opened.file.fileno()
        chunk = os.pread(descriptor, min(CHUNK_BYTES, self._part.stop - offset), offset)
        is_last = offset + len(chunk) >= self._part.stop
        if not chunk or (is_last and _etag(os.fstat(descriptor)) != self._opened.etag):
            raise Unavailable("A file changed while it was being sent.", detail=path_of(descriptor).name)
        return chunk


def _joined(request: Request) -> dict[str, str]:
    """The headers, those that came more than once joined by commas (RFC 9110, section 5.3)."""
    return {name: ", ".join(request.headers.getlist(name)) for name in request.headers}


def _absent() -> NotFound:
    return NotFound("The file is not there any more.", hint="The table has changed: query it again.")


_PREFIX = "/files/"
_PARTIAL, _NOT_MODIFIED, _UNSATISFIABLE = 206, 304, 416


class _Anything(Convertor[str]):
    """Every path, those with a newline too, which Starlette's own `path` does not match."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _Anything())
