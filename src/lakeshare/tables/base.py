"""What every table format gives: immutable, columnar snapshots."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import polars as pl

from lakeshare.datafiles.files import FileList
from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import ObjectInfo
from lakeshare.tables.history import CommitHistory


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


def physical_partition_columns(metadata: TableMetadata) -> tuple[str, ...]:
    """The names by which the log and the data files know the partition columns, in their order.

    They differ from `partition_columns` where the table maps its columns by name or id (Delta's columnMapping).
    Raises TableUnreadable where the schema is none, or two columns have one name.
    """
    names = metadata.partition_columns
    if metadata.configuration.get("delta.columnMapping.mode", "none") in ("name", "id"):
        try:
            schema = msgspec.json.decode(metadata.schema_string, type=_Schema)
        except (ValueError, RecursionError) as error:
            raise TableUnreadable("its schema is malformed", detail=str(error)) from error
        physical = {field.name: field.metadata.get(_PHYSICAL_NAME) for field in schema.fields}
        names = tuple(str(physical.get(name) or name) for name in names)
    if len(set(names)) < len(names):
        raise TableUnreadable("it has two partition columns of one name", detail=f"columns {names}")
    return names


_PHYSICAL_NAME = "delta.columnMapping.physicalName"


class _SchemaField(msgspec.Struct, frozen=True):
    name: str
    metadata: dict[str, Any] = {}


class _Schema(msgspec.Struct, frozen=True):
    fields: list[_SchemaField] = []


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
"""The columns of a segment of a `Snapshot`, beside `partition_values`: a Struct with one String field (raw, null where
null) for every partition column, under its physical name, absent from the frame where the table has none."""

CHANGE_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = FILE_COLUMNS | {
    "action": pl.String,  # add, remove or cdc
    "data_change": pl.Boolean,
}
"""The columns of `Commit.files`, beside `partition_values` with the columns that are in force at that version.

What an action does not say is null: a remove may lack its size, its partition values and its statistics, and never has
a modification time; a cdc has a path, a size and partition values.
"""


@dataclass(frozen=True, slots=True)
class Commit:
    """What one version changed, in the log's order. `protocol` and `metadata` are there where the commit holds them."""

    version: int
    timestamp: int
    files: pl.DataFrame
    protocol: TableProtocol | None = None
    metadata: TableMetadata | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version of a table. Immutable; shared by every query that reads it.

    `files` has the active files; their segments' frames have `FILE_COLUMNS`.
    `timestamp` is the commit's time, epoch milliseconds. `proof` is the object that the version was read from: where it
    is gone or another, so is the table.
    """

    version: int
    timestamp: int
    protocol: TableProtocol
    metadata: TableMetadata
    files: FileList
    size_bytes: int
    proof: ObjectInfo | None = None

    @property
    def num_files(self) -> int:
        return self.files.height


class TableReader(Protocol):
    """Reads one table. Holds no request state.

    Raises TableUnreadable (lasting; its message names no path) or Unavailable (a retry may help). A `history` that the
    caller has spares `load` and `commits` a look at the newest version, which says how versions are timed.
    """

    async def load(self, version: int | None = None, *, history: CommitHistory | None = None) -> Snapshot:
        """A version, by default the newest, read from storage.

        Raises VersionGone where the log does not reach back, or on, to `version`.
        """

    async def metadata_at(self, version: int, *, newest: Snapshot | None = None) -> "Description":
        """A version's protocol and metadata, without its files. Raises as `load` does.

        `newest` may spare a look at a checkpoint: it still says it, where no commit since `version` says otherwise.
        """

    async def history(self, newest: Snapshot | None = None, *, known: CommitHistory | None = None) -> CommitHistory:
        """The versions whose commits the log still has, up to `newest` or the newest that there is.

        `known` is an earlier history of the table: what it read is not read again.
        """

    def commits(
        self, start: int, end: int, *, history: CommitHistory | None = None, metadata: TableMetadata | None = None
    ) -> AsyncIterator[Commit]:
        """What versions `start` to `end`, both inclusive, changed. `metadata` is that of `start`, where it is known.

        Raises VersionGone where a commit is gone, and TableUnreadable where one names a file outside the table.
        """

    async def refresh(self, snapshot: Snapshot) -> Snapshot:
        """The newest version, given one already read; `snapshot` itself where nothing is newer.

        Asks for the next commit first. Never gives an older version of the same table.
        """


Description = tuple[TableProtocol, TableMetadata]
"""What a version of a table is, beside its files."""
