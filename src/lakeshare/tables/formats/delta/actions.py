"""The actions of a Delta log, as far as a reader of rows and of changes needs them; other ones are skipped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import CHANGE_COLUMNS, TableMetadata, TableProtocol

Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Int = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Action(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Holds nothing that could hold it: looking for cycles would be a third of the time that parsing takes."""


class Protocol(_Action, frozen=True):
    min_reader_version: int
    min_writer_version: int
    reader_features: tuple[str, ...] | None = None
    writer_features: tuple[str, ...] | None = None


class Metadata(_Action, frozen=True):
    id: str
    schema_string: str = '{"type":"struct","fields":[]}'
    partition_columns: tuple[str, ...] = ()
    name: str | None = None
    description: str | None = None
    configuration: dict[str, str | None] | None = None
    created_time: int | None = None


class DeletionVector(_Action, frozen=True):
    storage_type: str
    path_or_inline_dv: str
    offset: Int | None = None
    size_in_bytes: Int | None = None
    cardinality: Long | None = None


class Add(_Action, frozen=True):
    path: str
    size: Size
    modification_time: Long
    partition_values: dict[str, str | None] | None = None
    stats: str | None = None
    data_change: bool | None = None
    deletion_vector: DeletionVector | None = None
    base_row_id: Long | None = None
    default_row_commit_version: Long | None = None


class Remove(_Action, frozen=True):
    path: str
    size: Size | None = None
    partition_values: dict[str, str | None] | None = None
    stats: str | None = None
    data_change: bool | None = None
    deletion_vector: DeletionVector | None = None
    base_row_id: Long | None = None
    default_row_commit_version: Long | None = None


class Cdc(_Action, frozen=True):
    path: str
    size: Size
    partition_values: dict[str, str | None] | None = None
    data_change: bool | None = None


FileAction = Add | Remove | Cdc


class CommitInfo(_Action, frozen=True):
    in_commit_timestamp: Long | None = None


class Sidecar(_Action, frozen=True):
    path: str


class Line(_Action, frozen=True):
    """One line of a commit or of a JSON checkpoint: at most one of them is there."""

    add: Add | None = None
    remove: Remove | None = None
    cdc: Cdc | None = None
    meta_data: Metadata | None = None
    protocol: Protocol | None = None
    commit_info: CommitInfo | None = None
    sidecar: Sidecar | None = None


class HeadLine(_Action, frozen=True):
    """A `Line` for one who asks for no files, and does not want to wait for them."""

    meta_data: Metadata | None = None
    protocol: Protocol | None = None
    commit_info: CommitInfo | None = None


NO_FILES = pl.DataFrame(schema=CHANGE_COLUMNS)


@dataclass(frozen=True, slots=True)
class Actions:
    """What one commit, or one checkpoint, says.

    `files` has a row a file action, in the log's order: CHANGE_COLUMNS with paths as they are written, of which a
    checkpoint may lack some that are null throughout, and `partition_values`, a Struct with the log's own keys, absent
    where no action has any.
    """

    files: pl.DataFrame
    protocol: TableProtocol | None = None
    metadata: TableMetadata | None = None
    in_commit_timestamp: int | None = None
    sidecars: tuple[str, ...] = ()


def merge_actions(parts: Sequence[Actions]) -> Actions:
    """All of them as one: every file action in order, and of everything else the last."""
    files = [part.files for part in parts if not part.files.is_empty()]
    return Actions(
        files=pl.concat(files, how="diagonal_relaxed") if files else NO_FILES,
        protocol=_last(part.protocol for part in parts),
        metadata=_last(part.metadata for part in parts),
        in_commit_timestamp=_last(part.in_commit_timestamp for part in parts),
        sidecars=tuple(path for part in parts for path in part.sidecars),
    )


def table_protocol(action: Protocol) -> TableProtocol:
    return TableProtocol(
        action.min_reader_version, action.min_writer_version, action.reader_features, action.writer_features
    )


def table_metadata(action: Metadata) -> TableMetadata:
    """Raises TableUnreadable where the schema is no JSON object."""
    try:
        msgspec.json.decode(action.schema_string, type=dict[str, Any])
    except (ValueError, RecursionError) as error:
        raise TableUnreadable("its schema is not valid JSON", detail=str(error)) from error
    return TableMetadata(
        id=action.id,
        schema_string=action.schema_string,
        partition_columns=action.partition_columns,
        name=action.name,
        description=action.description,
        configuration={key: value for key, value in (action.configuration or {}).items() if value is not None},
        created_time=action.created_time,
    )


Value = TypeVar("Value")


def _last(values: Iterable[Value | None]) -> Value | None:
    return next((value for value in reversed([*values]) if value is not None), None)
