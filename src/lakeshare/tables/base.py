"""What every table format gives: immutable, columnar snapshots."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from lakeshare.storage.base import ObjectInfo


@dataclass(frozen=True, slots=True)
class TableSource:
    """Where a table is: `root` and `also` are locations (see storage/locations.py)."""

    table_id: str
    root: str
    also: tuple[str, ...] = ()
    format: str = "delta"


@dataclass(frozen=True, slots=True)
class TableProtocol:
    """Delta's protocol action. Features are empty for versions that have no lists of them."""

    min_reader_version: int
    min_writer_version: int
    reader_features: tuple[str, ...] | None = None
    writer_features: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class TableMetadata:
    """Delta's metaData action. `schema_string` is Spark's JSON schema, as the log has it."""

    id: str
    schema_string: str
    partition_columns: tuple[str, ...]
    name: str | None = None
    description: str | None = None
    configuration: dict[str, str] = field(default_factory=dict)
    created_time: int | None = None


DELETION_VECTOR = pl.Struct(
    {
        "storage_type": pl.String,  # u, i or p, as Delta has it
        "path_or_inline_dv": pl.String,
        "offset": pl.Int32,
        "size_in_bytes": pl.Int32,
        "cardinality": pl.Int64,
    }
)

FILE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "path": pl.String,  # decoded, normalised; relative to the root, or a whole location under one of `also`
    "size": pl.Int64,  # bytes
    "modification_time": pl.Int64,  # epoch milliseconds
    "stats": pl.String,  # the raw JSON of the log, or null
    "deletion_vector_id": pl.String,  # Delta's unique id of it, or null
    "deletion_vector": DELETION_VECTOR,  # null where deletion_vector_id is
    "base_row_id": pl.Int64,  # of row tracking, or null
    "default_row_commit_version": pl.Int64,
}
"""The columns of `Snapshot.files`, beside `partition_values`: a Struct with one String field (raw, null where null)
for every partition column, absent from the frame where the table has none."""


CHANGE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = FILE_COLUMNS | {
    "action": pl.String,  # add, remove or cdc
    "data_change": pl.Boolean,
}
"""The columns of `Commit.files`, beside `partition_values` as in a snapshot."""


@dataclass(frozen=True, slots=True)
class CommitTime:
    """A version that the log still has a commit for, and its time in epoch milliseconds.

    Times never run backwards from one version to the next: where file times do, a version's is one more than the last.
    """

    version: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What one version changed. `protocol` and `metadata` are there where the commit holds them."""

    version: int
    timestamp: int
    files: pl.DataFrame
    protocol: TableProtocol | None = None
    metadata: TableMetadata | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a table. Immutable; shared by every query that reads it.

    `files` has `FILE_COLUMNS`, one row an active file, ordered by (path, deletion_vector_id).
    `timestamp` is the commit's time, epoch milliseconds. `proof` is the object that the version was read from: where it
    is gone or another, so is the table.
    """

    version: int
    timestamp: int
    protocol: TableProtocol
    metadata: TableMetadata
    files: pl.DataFrame
    size_bytes: int
    proof: ObjectInfo | None = None

    @property
    def num_files(self) -> int:
        return self.files.height


class TableReader(Protocol):
    """Reads one table. Holds no request state.

    Raises TableUnreadable (lasting; its message names no path) or Unavailable (a retry may help).
    """

    async def load(self, version: int | None = None) -> Snapshot:
        """A version, by default the newest, read from storage.

        Raises VersionGone where the log does not reach back, or on, to `version`.
        """

    async def history(self) -> Sequence[CommitTime]:
        """The versions whose commits the log still has, oldest first, without a gap, up to the newest."""

    def commits(self, start: int, end: int) -> AsyncIterator[Commit]:
        """What versions `start` to `end`, both inclusive, changed. Raises VersionGone where a commit is gone."""

    async def refresh(self, snapshot: Snapshot) -> Snapshot:
        """The newest version, given one already read; `snapshot` itself where nothing is newer.

        Asks for the next commit first. Never gives an older version of the same table.
        """
