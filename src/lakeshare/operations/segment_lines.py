"""The constant text of a segment's lines, rendered once and kept: an answer is that text with fresh parts in its cuts.

The text of a segment is `head 0, tail 0, head 1, tail 1, ..` (see file_parts.py), so that between the fresh parts of
two neighbours lies one piece. It is rendered behind the answers, by one thread a process: of a mapped segment into a
file that all processes of the machine map, which one of them writes; of another one, and of little text, into memory.
Until it is there, lines come from the frame.
"""

import hashlib
import threading
import time
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, chain, pairwise
from operator import itemgetter
from typing import BinaryIO, TypeVar

import polars as pl
import structlog

from lakeshare.datafiles.columns import Memory
from lakeshare.datafiles.files import FileList, Part, Segment
from lakeshare.operations.file_parts import LAYOUT, LineStyle, constant_parts, fresh_parts
from lakeshare.operations.fragments import file_lines
from lakeshare.tables.disk_cache import DiskCache

SMALL_BYTES = 2_000_000
"""Of a frame whose text is not worth a file."""
PRIVATE_BYTES = 64_000_000
"""Of a frame whose text may be kept in the process's own memory; bigger ones are mapped soon, or the disk refuses."""
RENDERED_FILES = 1024
"""So many at a time: what they need fits into the processor's cache."""
RETRY_SECONDS = 60
"""How long the disk is left alone after it refused."""

OFFSET_BYTES = 8
FRESH_COLUMNS = "path", "deletion_vector_id", "deletion_vector"

Piece = bytes | memoryview
Value = TypeVar("Value")

log = structlog.get_logger(__name__)


class SegmentLines:
    """Renders the lines of a version's files. Threads may share it; close it."""

    def __init__(self, disk: DiskCache, memory: Memory) -> None:
        self._disk = disk
        self._memory = memory
        self._thread = ThreadPoolExecutor(1, "segment-lines")
        self._is_closing = threading.Event()
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}
        """The texts that are waited for, or were refused: when they may be asked for again."""

    def render(self, files: FileList, style: LineStyle) -> bytes:
        """The files' lines in their order, those that `file_lines` gives. Raises as it does."""
        parts = files.parts()
        texts = [self._text(part.segment, style) for part in parts]
        if not any(texts):
            return file_lines(files.frame(), style)
        runs = [run for part, text in zip(parts, texts, strict=True) for run in _runs(part, text, style)]
        runs.sort(key=itemgetter(0))
        return b"".join(chain.from_iterable(pieces for _, pieces in runs))

    def close(self) -> None:
        """Write no more. What is half written is dropped."""
        self._is_closing.set()
        self._thread.shutdown(cancel_futures=True)

    def _text(self, segment: Segment, style: LineStyle) -> "_Text | None":
        """The segment's text; None, and asked for, where it is not there yet."""
        name = _name(segment, style)
        text: _Text | None = self._memory.get(name)
        if text is None:
            self._ask(name, segment, style)
        return text

    def _ask(self, name: str, segment: Segment, style: LineStyle) -> None:
        with self._lock:
            if self._is_closing.is_set() or time.monotonic() < self._not_before.get(name, 0):
                return
            self._not_before[name] = float("inf")
            self._thread.submit(self._keep, name, segment, style)

    def _keep(self, name: str, segment: Segment, style: LineStyle) -> None:
        not_before = 0.0
        try:
            if not self._made(name, segment, style):
                not_before = time.monotonic() + RETRY_SECONDS
        except Exception as error:  # noqa: BLE001  nobody waits for it: answers go on from the frame
            not_before = time.monotonic() + RETRY_SECONDS
            log.warning("a segment's lines cannot be kept", error=str(error))
        with self._lock:
            self._not_before = {
                other: moment for other, moment in self._not_before.items() if moment > time.monotonic()
            } | {name: not_before}

    def _made(self, name: str, segment: Segment, style: LineStyle) -> bool:
        """Render the text and keep it, or map it as another process wrote it. Whether it is there now."""
        size = int(segment.frame.estimated_size())
        if size < SMALL_BYTES or not segment.is_mapped:
            if size > PRIVATE_BYTES:
                return False
            content = b"".join(self._pieces(segment, style))
            self._memory.put(name, _Text(memoryview(content), segment.frame.height), len(content))
            return self._memory.get(name) is not None
        with self._disk.lock(name):
            cached = self._disk.open(name) or self._disk.write(name, lambda file: self._write(file, segment, style))
        if cached is None:
            return False
        page_tables = cached.content.nbytes // 512
        self._memory.put(name, _Text(cached.content, segment.frame.height), page_tables)
        return True

    def _write(self, file: BinaryIO, segment: Segment, style: LineStyle) -> None:
        file.writelines(self._pieces(segment, style))

    def _pieces(self, segment: Segment, style: LineStyle) -> Iterator[bytes]:
        """The text, then the offsets of all its parts and of its end."""
        lengths = array("q")
        for frame in segment.frame.iter_slices(RENDERED_FILES):
            if self._is_closing.is_set():
                raise InterruptedError("the server stops")
            parts = constant_parts(frame, style.response_format, style.sign_urls.bases(frame["path"].to_list()))
            yield "".join(_interleaved(*(part.to_list() for part in parts))).encode()
            lengths.extend(_interleaved(*(part.str.len_bytes().to_list() for part in parts)))
        yield array("q", accumulate(lengths, initial=0)).tobytes()


class _Text:
    """A segment's text: line `i` goes from offset 2i over the cut at 2i+1 to 2i+2."""

    def __init__(self, content: memoryview, files: int) -> None:
        end = content.nbytes - OFFSET_BYTES * (2 * files + 1)
        self._content = content[:end]
        self._offsets = content[end:].cast("q")

    def pieces(self, first: int, fresh: Sequence[bytes]) -> list[Piece]:
        """The lines from row `first` on, with these fresh parts."""
        content = self._content
        start, *cuts = self._offsets[2 * first : 2 * (first + len(fresh)) + 1].tolist()
        pieces: list[Piece] = [content[start : cuts[0]]]
        # Every second offset lies between lines, where nothing is cut, but for the last.
        for part, (cut, end) in zip(fresh, pairwise([*cuts[:-1:2], cuts[-1]]), strict=True):
            pieces.append(part)
            pieces.append(content[cut:end])
        return pieces


def _name(segment: Segment, style: LineStyle) -> str:
    """Names a text on disk and in memory by all that it depends on."""
    of = hashlib.sha256(f"{LAYOUT}\n{style.response_format}\n{style.sign_urls.place}".encode()).hexdigest()[:16]
    return f"lines/{segment.key}-{of}"


def _runs(part: Part, text: _Text | None, style: LineStyle) -> Iterator[tuple[int, list[Piece]]]:
    """The lines of neighbours that the answer has next to each other too: where they begin there, and their pieces."""
    fresh = [piece.encode() for piece in fresh_parts(part.segment.columns(part.rows, FRESH_COLUMNS), style)]
    lines = None if text else list(zip(*_constant(part, style), fresh, strict=True))
    breaks = (_leaps(part.rows) | _leaps(part.positions)).arg_true() + 1
    for start, end in pairwise([0, *breaks.to_list(), part.rows.len()]):
        position = part.positions[start]
        if text:
            yield position, text.pieces(part.rows[start], fresh[start:end])
        elif lines:
            yield position, [piece for head, tail, ending in lines[start:end] for piece in (head, ending, tail)]


def _leaps(numbers: pl.Series) -> pl.Series:
    """Of each number but the first, whether it is another than the next one to the number before it."""
    return numbers.slice(1) != numbers.head(-1) + 1


def _constant(part: Part, style: LineStyle) -> tuple[list[bytes], list[bytes]]:
    """The constant parts of some lines, from their frame."""
    frame = part.segment.columns(part.rows)
    heads, tails = constant_parts(frame, style.response_format, style.sign_urls.bases(frame["path"].to_list()))
    return [head.encode() for head in heads.to_list()], [tail.encode() for tail in tails.to_list()]


def _interleaved(first: list[Value], second: list[Value]) -> list[Value]:
    return list(chain.from_iterable(zip(first, second, strict=True)))
