"""Lines and files of tables that tests write by hand."""

import json
from pathlib import Path
from typing import Any

import polars as pl

from .standin import Standin, ndjson


def field(name: str, dtype: Any) -> dict[str, Any]:
    """A field of a Spark schema."""
    return {"name": name, "type": dtype, "nullable": True, "metadata": {}}


def struct(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "struct", "fields": list(fields)}


def header(*fields: dict[str, Any], partitioned_by: tuple[str, ...] = (), **metadata: Any) -> list[dict[str, Any]]:
    """The protocol and metaData lines."""
    described = {
        "id": "0f1e",
        "format": {"provider": "parquet"},
        "schemaString": json.dumps(struct(*fields)),
        "partitionColumns": list(partitioned_by),
        **metadata,
    }
    return [{"protocol": {"minReaderVersion": 1}}, {"metaData": described}]


def file_line(
    standin: Standin, path: Path, partition_values: dict[str, str | None] | None = None, **more: Any
) -> dict[str, Any]:
    url = standin.add_file(path, f"/files/{path.name}")
    values = partition_values or {}
    return {"file": {"url": url, "id": path.name, "size": path.stat().st_size, "partitionValues": values, **more}}


def with_rows(rows: int) -> dict[str, str]:
    """A file line's statistics."""
    return {"stats": json.dumps({"numRecords": rows})}


def share_frames(
    standin: Standin, name: str, fields: list[dict[str, Any]], frames: list[pl.DataFrame], to: Path
) -> None:
    """Share a table of one file a frame, none of them partitioned."""
    lines = header(*fields)
    for number, frame in enumerate(frames):
        path = to / f"{name}-{number}.parquet"
        frame.write_parquet(path)
        lines.append(file_line(standin, path, **with_rows(frame.height)))
    standin.add_table(name, ndjson(lines))
