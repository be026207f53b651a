"""Answers of many lines: rendered in growing chunks while they are sent, audited before their last byte."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise
from typing import Generic, TypeVar

import polars as pl

from lakeshare.catalog.model import RecipientAccess
from lakeshare.datafiles.files import FileList
from lakeshare.operations.bodies import Render
from lakeshare.operations.fragments import end_line
from lakeshare.operations.services import Services
from lakeshare.protocol.actions import EndStreamAction
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.requests import QueryRequest, RangeRequest
from lakeshare.storage.base import SigningWindow

Files = TypeVar("Files", pl.DataFrame, FileList)
"""The changes of a commit, or the files of a version."""

FIRST_CHUNK_FILES = 64
CHUNK_FILES = 1024
LONGEST_WINDOW_SECONDS = 300


Encode = Callable[[bytes], bytes]
"""Whole lines to the bytes that are kept of them. The function is in a kept body's key: all requests have the same."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """`lines` are encoded. `end` is what follows the last ones, as it is: a line or nothing. It is None before them."""

    lines: bytes
    end: bytes | None = None


@dataclass(frozen=True, slots=True)
class LinesAnswer:
    """`version` is for the header `delta-table-version`. `chunks` renders whole lines as it is pulled: pull it off the
    event loop, and close it. `has_end` says whether an EndStreamAction ends it."""

    version: int
    response_format: ResponseFormat
    chunks: Callable[[Encode], Generator[Chunk, None, None]]
    has_end: bool


@dataclass(frozen=True, slots=True)
class Part(Generic[Files]):
    """Some lines, and the files that they give away: `num_files` of the answer's, from `start` on."""

    render: Render
    whole: Files | None = None
    start: int = 0
    num_files: int = 0

    @property
    def files(self) -> Files | None:
        return None if self.whole is None else self.whole.slice(self.start, self.num_files)


def has_end(request: RangeRequest, capabilities: Capabilities) -> bool:
    """Whether the client expects an EndStreamAction (design: "Wire conventions")."""
    refreshes = isinstance(request, QueryRequest) and bool(request.include_refresh_token)
    pages = request.max_files is not None or bool(request.page_token)
    return capabilities.include_end_stream_action or refreshes or pages


def broken_off_line(http_status: int, request_id: str) -> bytes:
    """The last line of an answer that cannot go on. It tells nothing of why but the status, by which Spark retries."""
    return end_line(
        EndStreamAction(
            error_message=f"The answer broke off on the server. Ask again. Request {request_id}.",
            http_status_error_code=http_status,
        )
    )


def as_is(lines: bytes) -> bytes:
    """The encoding that is none."""
    return lines


def cut_files(files: Files, render: Callable[[Files], bytes]) -> list[Part[Files]]:
    """Parts that are small enough to be a chunk: the first is the smallest, so that the first byte is soon there."""
    cuts = [0, *range(FIRST_CHUNK_FILES, files.height, CHUNK_FILES), files.height]
    return [_file_part(files, start, end - start, render) for start, end in pairwise(cuts) if start < end]


def audited_chunks(
    parts: Sequence[Part[Files]],
    ending: EndStreamAction | None,
    record: Callable[[list[Files], str | None], None],
    encode: Encode,
    keep: Callable[[Sequence[Render]], AbstractContextManager[Sequence[Render]]] = nullcontext,
) -> Generator[Chunk, None, None]:
    """The parts' lines. `record` gets the files that were sent, before the last chunk or when the answer breaks off.

    There is at least one part. `keep` gives what to call instead of the chunks' renders.
    """
    groups = _grouped(parts)
    sent, recorded = 0, False
    try:
        with keep([partial(_render, group, encode) for group in groups]) as renders:
            for render in renders[:-1]:
                yield Chunk(render())
                sent += 1
            last = Chunk(renders[-1](), end=b"" if ending is None else end_line(ending))
            recorded = True
            record(_files(parts), None)
            yield last
    finally:
        if not recorded:
            total = sum(part.num_files for part in parts)
            given = _files(chain.from_iterable(groups[:sent]))
            told = sum(files.height for files in given)
            record(given, f"The answer broke off after {told} of {total} files.")


def signing_window(services: Services, access: RecipientAccess) -> SigningWindow:
    """The one that is now. Fresh URLs live at least two thirds of `url_seconds`, unless the token ends before them."""
    seconds = min(services.url_seconds // 3, LONGEST_WINDOW_SECONDS)
    starts_at = services.clock() // 1000 // seconds * seconds
    expires_at = starts_at + services.url_seconds
    if access.token.expires_at is not None:
        expires_at = min(expires_at, access.token.expires_at // 1000)
    return SigningWindow(starts_at, expires_at, starts_at + seconds)


def _file_part(files: Files, start: int, count: int, render: Callable[[Files], bytes]) -> Part[Files]:
    return Part(lambda: render(files.slice(start, count)), files, start, count)


def _grouped(parts: Sequence[Part[Files]]) -> list[list[Part[Files]]]:
    """The parts of each chunk."""
    groups: list[list[Part[Files]]] = []
    waiting, target = 0, 0
    for part in parts:
        if waiting >= target:
            target = CHUNK_FILES if groups else FIRST_CHUNK_FILES
            groups.append([])
            waiting = 0
        groups[-1].append(part)
        waiting += part.num_files
    return groups


def _render(parts: Sequence[Part[Files]], encode: Encode) -> bytes:
    return encode(b"".join(part.render() for part in parts))


def _files(parts: Iterable[Part[Files]]) -> list[Files]:
    return [files for part in parts if (files := part.files) is not None]
