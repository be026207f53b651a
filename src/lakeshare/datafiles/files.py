"""The files of one version of a table: long-lived columns that many versions share, and the rows that are in force.

A table of a million files changes by a few of them. So its columns stand in *segments*, which never change: a version
that comes later takes the same segments, without the rows that it removed, and adds a small segment of its own. What
was computed from a segment's columns stays true for as long as the segment lives.
"""

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import polars as pl

KEY = ("path", "deletion_vector_id")
"""What tells two files of a table apart, and orders them; a missing deletion vector comes first."""

FileKey = tuple[str, str]
"""A file's path and the id of its deletion vector, or nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The metadata of some files, ordered by KEY, no file twice.

    `frame`: `path` (String), `deletion_vector_id` (String or null), `size` (Int64), `stats` (String or null) and what
    else a format knows. `key` names its content for ever: what is computed from the frame may be kept under it.
    `is_mapped`: the frame's memory is a mapped file, which the kernel takes back when it wants.
    """

    frame: pl.DataFrame
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    is_mapped: bool = False
    computing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held by who computes something long from the frame, so that others wait for it instead of doing it too."""

    @property
    def private_bytes(self) -> int:
        """What it takes of the process's own memory."""
        return 0 if self.is_mapped else int(self.frame.estimated_size())

    @property
    def has_deletion_vectors(self) -> bool:
        return self.frame["deletion_vector_id"].null_count() < self.frame.height

    def columns(self, rows: pl.Series, names: Sequence[str] = ()) -> pl.DataFrame:
        """Columns (by default all) of those rows (UInt32, ascending); no copy where they are one run.

        Many times a second for a few rows, which a query of Polars would be too slow for.
        """
        chosen = [self.frame[name] for name in names or self.frame.columns]
        count = rows.len()
        if count and rows[-1] - rows[0] + 1 == count:
            return pl.DataFrame([column.slice(rows[0], count) for column in chosen])
        return pl.DataFrame([column[rows] for column in chosen])

    def key_of(self, row: int) -> FileKey:
        return self.frame["path"][row], self.frame["deletion_vector_id"][row] or ""


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of one segment: `rows` (UInt32, ascending), and where they stand in the list: `positions` (UInt32)."""

    segment: Segment
    rows: pl.Series
    positions: pl.Series


@dataclass(frozen=True, slots=True)
class FileList:
    """Files in the order of KEY: `rows` (UInt32) are their numbers, counted through all segments."""

    segments: tuple[Segment, ...]
    rows: pl.Series

    @classmethod
    def of(cls, segment: Segment) -> "FileList":
        """All files of one segment."""
        return cls((segment,), numbers(0, segment.frame.height))

    @property
    def height(self) -> int:
        return self.rows.len()

    @property
    def columns(self) -> list[str]:
        return self.segments[0].frame.columns

    @property
    def private_bytes(self) -> int:
        """What the list takes of the process's own memory."""
        return int(self.rows.estimated_size()) + sum(segment.private_bytes for segment in self.segments)

    def is_empty(self) -> bool:
        return self.height == 0

    def head(self, count: int) -> "FileList":
        return FileList(self.segments, self.rows.head(count))

    def slice(self, offset: int, length: int | None = None) -> "FileList":
        return FileList(self.segments, self.rows.slice(offset, length))

    def take(self, positions: pl.Series) -> "FileList":
        """The files at those positions (UInt32, ascending)."""
        return FileList(self.segments, self.rows[positions])

    def key_at(self, position: int) -> FileKey:
        """The key of one file. Raises IndexError where the list is shorter."""
        row: int = self.rows[position]
        for segment in self.segments:
            if row < segment.frame.height:
                return segment.key_of(row)
            row -= segment.frame.height
        raise IndexError(row)

    def behind(self, last: FileKey) -> "FileList":
        """The files whose keys sort behind that key."""
        start, end = 0, self.height
        while start < end:
            middle = (start + end) // 2
            if self.key_at(middle) <= last:
                start = middle + 1
            else:
                end = middle
        return self.slice(start)

    def frame(self, *columns: str) -> pl.DataFrame:
        """The files' columns (by default all), in order. Copies what is not one run of one segment."""
        parts = self.parts()
        frames = [part.segment.columns(part.rows, columns) for part in parts]
        if len(frames) == 1:
            return frames[0]
        if not frames:
            return self.segments[0].columns(self.rows, columns)
        order = pl.concat([part.positions for part in parts]).arg_sort()
        return pl.concat(frames)[order]

    def parts(self) -> list[Part]:
        """The list by segments; those that no file is of are left out."""
        parts = []
        rows, positions = self.rows, numbers(0, self.height)
        for segment in self.segments[:-1]:
            later = rows >= segment.frame.height
            parts.append(Part(segment, rows.filter(~later), positions.filter(~later)))
            rows, positions = rows.filter(later) - segment.frame.height, positions.filter(later)
        parts.append(Part(self.segments[-1], rows, positions))
        return [part for part in parts if part.rows.len()]

    def frames(self, *columns: str) -> Iterator[pl.DataFrame]:
        """The files' columns segment by segment, which is cheap for all of a table."""
        for part in self.parts():
            yield part.segment.columns(part.rows, columns)

    def starts(self) -> list[int]:
        """The number of each segment's first row."""
        return [0, *accumulate(segment.frame.height for segment in self.segments)][:-1]

    def has_deletion_vectors(self) -> bool:
        """Whether any of the files has one."""
        if not any(segment.has_deletion_vectors for segment in self.segments):
            return False
        vectors = [frame.to_series() for frame in self.frames("deletion_vector_id")]
        return any(series.null_count() < series.len() for series in vectors)

    def size_bytes(self) -> int:
        """The sum of the files' sizes."""
        return sum(int(frame.to_series().sum()) for frame in self.frames("size"))


def numbers(start: int, count: int) -> pl.Series:
    """`count` rows' numbers from `start` on (UInt32)."""
    return pl.int_range(start, start + count, dtype=pl.UInt32, eager=True)
