"""Commits and JSON checkpoints: lines of JSON, parsed into columns a few megabytes at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import CHANGE_COLUMNS, DELETION_VECTOR
from lakeshare.tables.formats.delta.actions import (
    NO_FILES,
    Actions,
    Add,
    Cdc,
    DeletionVector,
    FileAction,
    HeadLine,
    Line,
    merge_actions,
    table_metadata,
    table_protocol,
)

CHUNK_BYTES = 16 << 20


def parse_actions(data: bytes, *, files: bool = True) -> Actions:
    """The actions of a commit or a JSON checkpoint; without its files and sidecars where they are not wanted.

    Raises TableUnreadable where the data is empty or not what Delta writes.
    """
    if not data.strip():
        raise TableUnreadable("its transaction log has an empty commit")
    try:
        if not files:
            return _head(_HEAD_LINES.decode_lines(data))
        return merge_actions([_actions(_LINES.decode_lines(chunk)) for chunk in _chunks(data)])
    except (ValueError, RecursionError) as error:
        raise TableUnreadable("its transaction log is malformed", detail=str(error)) from error


def parse_commit_time(data: bytes) -> int | None:
    """The time that a commit holds, which is in its first line. None where it holds none. Raises as above."""
    return parse_actions(data.lstrip().partition(b"\n")[0], files=False).in_commit_timestamp


_LINES = msgspec.json.Decoder(Line)
_HEAD_LINES = msgspec.json.Decoder(HeadLine)


def _actions(lines: Sequence[Line]) -> Actions:
    head = _head(lines)
    return replace(
        head,
        files=_frame([action for line in lines if (action := line.add or line.remove or line.cdc)]),
        sidecars=tuple(line.sidecar.path for line in lines if line.sidecar),
    )


def _head(lines: Sequence[Line] | Sequence[HeadLine]) -> Actions:
    protocols = [line.protocol for line in lines if line.protocol]
    metadata = [line.meta_data for line in lines if line.meta_data]
    times = [line.commit_info.in_commit_timestamp for line in lines if line.commit_info]
    return Actions(
        files=NO_FILES,
        protocol=table_protocol(protocols[-1]) if protocols else None,
        metadata=table_metadata(metadata[-1]) if metadata else None,
        in_commit_timestamp=times[0] if times else None,
    )


def _chunks(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + CHUNK_BYTES) + 1 or len(data)
        yield data[start:end]
        start = end


def _frame(actions: Sequence[FileAction]) -> pl.DataFrame:
    described = [None if isinstance(action, Cdc) else action for action in actions]
    vectors = [action.deletion_vector if action else None for action in described]
    columns = {
        "path": [action.path for action in actions],
        "size": [action.size for action in actions],
        "modification_time": [action.modification_time if isinstance(action, Add) else None for action in actions],
        "stats": [action and action.stats for action in described],
        "deletion_vector_id": [vector and _unique_id(vector) for vector in vectors],
        "deletion_vector": _vectors(vectors),
        "base_row_id": [action and action.base_row_id for action in described],
        "default_row_commit_version": [action and action.default_row_commit_version for action in described],
        "action": [type(action).__name__.lower() for action in actions],
        "data_change": [action.data_change for action in actions],
    }
    frame = pl.DataFrame(columns, schema=CHANGE_COLUMNS)
    values = [action.partition_values or {} for action in actions]
    keys = sorted(set().union(*values))
    if not keys:
        return frame
    fields = [pl.Series(key, [value.get(key) for value in values], dtype=pl.String) for key in keys]
    return frame.with_columns(pl.struct(fields).alias("partition_values"))


def _vectors(vectors: Sequence[DeletionVector | None]) -> pl.Series:
    rows = [vector and msgspec.structs.asdict(vector) for vector in vectors] if any(vectors) else [None] * len(vectors)
    return pl.Series(rows, dtype=DELETION_VECTOR)


def _unique_id(vector: DeletionVector) -> str:
    offset = "" if vector.offset is None else f"@{vector.offset}"
    return f"{vector.storage_type}{vector.path_or_inline_dv}{offset}"
