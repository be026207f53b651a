"""What is known of a segment's files by column, kept in memory: the first predicate on a column pays for the next."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import polars as pl

from lakeshare.datafiles.bounds import Bounds, Path, stats_bounds
from lakeshare.datafiles.files import Segment

FEW_ROWS = 4096
"""So many are decoded anew each time: their place in a column as long as the segment is not worth it."""


class Memory(Protocol):
    """Keeps values as long as there is room; any of them may be gone at any time. Safe to share between threads."""

    def get(self, key: Hashable) -> Any:
        """The value; None where none is kept."""

    def put(self, key: Hashable, value: object, size: int) -> None:
        """Keep a value of so many bytes."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """A segment's partitions. `values`: a row each, a raw String column a partition column. `of_file` (UInt32, a row a
    file): which of them the file is in."""

    values: pl.DataFrame
    of_file: pl.Series


def partitions(segment: Segment, memory: Memory) -> Partitions:
    """The partitions of a segment whose frame has `partition_values`."""

    def compute() -> Partitions:
        values = segment.frame["partition_values"].struct.unnest()
        distinct = values.unique(maintain_order=True)
        # Numbers as names, which a number's own column cannot clash with.
        by_number = [str(number) for number in range(values.width)]
        values.columns, numbered = by_number, distinct.rename(dict(zip(values.columns, by_number, strict=True)))
        of_file = values.join(
            numbered.with_row_index("number"), on=by_number, how="left", nulls_equal=True, maintain_order="left"
        )
        return Partitions(distinct, of_file["number"].rechunk())

    def size(found: Partitions) -> int:
        return int(found.of_file.estimated_size() + found.values.estimated_size())

    return _kept(memory, segment, (segment.key, "partitions"), compute, size)


def stats_columns(segment: Segment, rows: pl.Series, columns: Mapping[Path, str], memory: Memory) -> dict[Path, Bounds]:
    """The bounds of some data columns (see `stats_bounds`) in those rows (UInt32) of a segment."""
    stats = segment.frame["stats"]
    is_whole = rows.len() == stats.len()
    asked = stats if is_whole else stats[rows]
    if rows.len() <= FEW_ROWS:
        return stats_bounds(asked, columns)
    with segment.computing:
        known = {path: memory.get((segment.key, path, name)) for path, name in columns.items()}
        lacking = {path: name for path, name in columns.items() if not _knows(known[path], rows)}
        for path, bounds in stats_bounds(asked, lacking).items():
            known[path] = _grown(known[path], rows, bounds, stats.len())
            memory.put((segment.key, path, columns[path]), known[path], known[path].size)
    kept = {path: column.bounds for path, column in known.items() if column is not None}
    return kept if is_whole else {path: bounds.take(rows) for path, bounds in kept.items()}


@dataclass(frozen=True, slots=True)
class _Column:
    """`bounds` of all of a segment's rows, and of which of them (Boolean) they are known."""

    bounds: Bounds
    known: pl.Series

    @property
    def size(self) -> int:
        return self.bounds.size + int(self.known.estimated_size())


def _knows(column: _Column | None, rows: pl.Series) -> bool:
    return column is not None and bool(column.known.all() or column.known[rows].all())


def _grown(column: _Column | None, rows: pl.Series, bounds: Bounds, height: int) -> _Column:
    """The column with what is now known of those rows."""
    if rows.len() == height:
        return _Column(bounds, pl.repeat(True, height, dtype=pl.Boolean, eager=True))
    fresh = pl.repeat(None, height, dtype=pl.UInt32, eager=True).scatter(rows, pl.int_range(rows.len(), eager=True))
    known = fresh.is_not_null()
    if column is None:
        # What is not known is never looked at.
        return _Column(bounds.take(fresh.fill_null(0)), known)
    both = pl.concat([bounds.frame(), column.bounds.frame()])
    old = pl.int_range(rows.len(), rows.len() + height, dtype=pl.UInt32, eager=True)
    return _Column(bounds.with_frame(both[fresh.fill_null(old)]), known | column.known)


Value = TypeVar("Value")


def _kept(
    memory: Memory, segment: Segment, key: Hashable, compute: Callable[[], Value], size: Callable[[Value], int]
) -> Value:
    """What memory has, or what is computed now: by one thread, while others wait for it."""
    found: Value | None = memory.get(key)
    if found is not None:
        return found
    with segment.computing:
        found = memory.get(key)
        if found is None:
            found = compute()
            memory.put(key, found, size(found))
        return found
