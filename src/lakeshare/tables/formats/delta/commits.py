"""Commits and JSON checkpoints: lines of JSON, parsed into columns a few megabytes at a time."""

from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable
from lakeshare.tables.formats.delta.actions import (
    ACTION_COLUMNS,
    Actions,
    Add,
    DeletionVector,
    Line,
    Remove,
    merge_actions,
    table_metadata,
    table_protocol,
)

CHUNK_BYTES = 16 << 20


def parse_actions(data: bytes) -> Actions:
    """The actions of a commit or a JSON checkpoint.

    Raises TableUnreadable where the data is empty or not what Delta writes.
    """
    if not data.strip():
        raise TableUnreadable("its transaction log has an empty commit")
    try:
        return merge_actions([_actions(_LINES.decode_lines(chunk)) for chunk in _chunks(data)])
    except (ValueError, RecursionError) as error:
        raise TableUnreadable("its transaction log is malformed", detail=str(error)) from error


_LINES = msgspec.json.Decoder(Line)


def _actions(lines: Sequence[Line]) -> Actions:
    protocols = [line.protocol for line in lines if line.protocol]
    metadata = [line.meta_data for line in lines if line.meta_data]
    times = [line.commit_info.in_commit_timestamp for line in lines if line.commit_info]
    return Actions(
        files=_frame([action for line in lines if (action := line.add or line.remove)]),
        protocol=table_protocol(protocols[-1]) if protocols else None,
        metadata=table_metadata(metadata[-1]) if metadata else None,
        in_commit_timestamp=times[0] if times else None,
        sidecars=tuple(line.sidecar.path for line in lines if line.sidecar),
    )


def _chunks(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start + CHUNK_BYTES) + 1 or len(data)
        yield data[start:end]
        start = end


def _frame(actions: Sequence[Add | Remove]) -> pl.DataFrame:
    adds = [action if isinstance(action, Add) else None for action in actions]
    columns = {
        "path": [action.path for action in actions],
        "size": [add and add.size for add in adds],
        "modification_time": [add and add.modification_time for add in adds],
        "stats": [add and add.stats for add in adds],
        "deletion_vector_id": [_unique_id(action.deletion_vector) for action in actions],
        "removed": [add is None for add in adds],
    }
    frame = pl.DataFrame(columns, schema=ACTION_COLUMNS)
    values = [(add.partition_values if add else None) or {} for add in adds]
    keys = sorted(set().union(*values))
    if not keys:
        return frame
    fields = [pl.Series(key, [value.get(key) for value in values], dtype=pl.String) for key in keys]
    return frame.with_columns(pl.struct(fields).alias("partition_values"))


def _unique_id(vector: DeletionVector | None) -> str | None:
    if vector is None:
        return None
    offset = "" if vector.offset is None else f"@{vector.offset}"
    return f"{vector.storage_type}{vector.path_or_inline_dv}{offset}"
