"""Real Delta logs for tests, written by hand so that any shape of a log can be had; no data files."""

import json
import os
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

Action = Mapping[str, Any]
"""One line of a commit, such as {"add": {...}}."""
CheckpointKind = Literal["single", "parts", "v2-json", "v2-parquet", "v2-single"]
CHECKPOINT_KINDS: tuple[CheckpointKind, ...] = ("single", "parts", "v2-json", "v2-parquet", "v2-single")

SCHEMA = {
    "type": "struct",
    "fields": [
        {"name": "id", "type": "long", "nullable": True, "metadata": {}},
        {"name": "region", "type": "string", "nullable": True, "metadata": {}},
        {"name": "day", "type": "integer", "nullable": True, "metadata": {}},
    ],
}


def protocol(reader: int = 1, writer: int = 2, *, features: Sequence[str] | None = None) -> Action:
    """`features` become both readers' and writers'."""
    lists = {} if features is None else {"readerFeatures": list(features), "writerFeatures": list(features)}
    return {"protocol": {"minReaderVersion": reader, "minWriterVersion": writer} | lists}


def metadata(
    table_id: str = "6f0c9d52-3f1e-4d0b-9c57-0b1a2c3d4e5f",
    *,
    partition_columns: Sequence[str] = (),
    configuration: Mapping[str, str] | None = None,
    schema: Mapping[str, Any] = SCHEMA,
) -> Action:
    return {
        "metaData": {
            "id": table_id,
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps(schema),
            "partitionColumns": list(partition_columns),
            "configuration": dict(configuration or {}),
            "createdTime": 1_700_000_000_000,
        }
    }


def add(
    path: str,
    *,
    size: int = 1,
    modification_time: int = 1_700_000_000_000,
    partition_values: Mapping[str, str | None] | None = None,
    stats: str | None = None,
    deletion_vector: Mapping[str, Any] | None = None,
    data_change: bool = True,
    base_row_id: int | None = None,
    default_row_commit_version: int | None = None,
) -> Action:
    fields = {
        "path": path,
        "partitionValues": dict(partition_values or {}),
        "size": size,
        "modificationTime": modification_time,
        "dataChange": data_change,
        "stats": stats,
        "deletionVector": deletion_vector,
        "baseRowId": base_row_id,
        "defaultRowCommitVersion": default_row_commit_version,
    }
    return {"add": {name: value for name, value in fields.items() if value is not None}}


def remove(
    path: str,
    *,
    size: int | None = None,
    partition_values: Mapping[str, str | None] | None = None,
    deletion_vector: Mapping[str, Any] | None = None,
    data_change: bool = True,
) -> Action:
    """What is not given is not written: such a remove has no extended file metadata."""
    fields = {
        "path": path,
        "deletionTimestamp": 1_700_000_000_000,
        "dataChange": data_change,
        "size": size,
        "partitionValues": partition_values,
        "deletionVector": deletion_vector,
    }
    return {"remove": {name: value for name, value in fields.items() if value is not None}}


def cdc(path: str, *, size: int = 1, partition_values: Mapping[str, str | None] | None = None) -> Action:
    return {"cdc": {"path": path, "partitionValues": dict(partition_values or {}), "size": size, "dataChange": False}}


def commit_info(in_commit_timestamp: int | None = None) -> Action:
    time = {} if in_commit_timestamp is None else {"inCommitTimestamp": in_commit_timestamp}
    return {"commitInfo": {"operation": "WRITE"} | time}


def write_delta_log(root: Path, commits: Sequence[Sequence[Action]], *, first: int = 0) -> None:
    """Write the commits of versions `first`, `first + 1`, ..."""
    (root / "_delta_log").mkdir(parents=True, exist_ok=True)
    for version, actions in enumerate(commits, first):
        commit_path(root, version).write_text("".join(json.dumps(action) + "\n" for action in actions))


def commit_path(root: Path, version: int) -> Path:
    return root / "_delta_log" / f"{version:020d}.json"


def set_time(path: Path, timestamp_ms: int) -> None:
    """Make it a file of that time."""
    os.utime(path, ns=(0, timestamp_ms * 1_000_000))


def write_checkpoint(
    root: Path, version: int, actions: Sequence[Action], kind: CheckpointKind = "single", *, hint: bool = True
) -> list[Path]:
    """Write a checkpoint that holds `actions` and, unless `hint` is False, `_last_checkpoint`. Gives its files."""
    log = root / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    if hint:
        (log / "_last_checkpoint").write_text(json.dumps({"version": version, "size": len(actions)}))
    stem, unique = f"{version:020d}.checkpoint", uuid.uuid4()
    if kind == "single":
        return [_write_actions(log / f"{stem}.parquet", actions)]
    if kind == "parts":
        thirds = [actions[number::3] for number in range(3)]
        names = [f"{stem}.{number:010d}.0000000003.parquet" for number in (1, 2, 3)]
        return [_write_actions(log / name, part) for name, part in zip(names, thirds, strict=True)]
    (log / "_sidecars").mkdir(exist_ok=True)
    in_sidecars = [action for action in actions if "add" in action or "remove" in action]
    sidecars = [
        _write_actions(log / "_sidecars" / f"{stem}.{number}.{unique}.parquet", in_sidecars[number::2])
        for number in range(2)
    ]
    top = [
        {"checkpointMetadata": {"version": version}},
        *(action for action in actions if action not in in_sidecars),
        *(
            {"sidecar": {"path": path.name, "sizeInBytes": path.stat().st_size, "modificationTime": 0}}
            for path in sidecars
        ),
    ]
    if kind == "v2-json":
        path = log / f"{stem}.{unique}.json"
        path.write_text("\n".join(json.dumps(action) for action in top))
    else:
        path = _write_actions(log / (f"{stem}.parquet" if kind == "v2-single" else f"{stem}.{unique}.parquet"), top)
    return [path, *sidecars]


def write_large_log(root: Path, files: int, *, commits: int = 0, stats_columns: int = 20, seed: int = 0) -> None:
    """A table of `files` files in one checkpoint at version 0, partitioned by region and day, then small `commits`.

    Each commit adds ten files and removes ten. Quick: a million files take seconds. Paths are in no order.
    """
    row = pl.int_range(files)
    region, day = (row % 10).cast(pl.String), (row % 365).cast(pl.String)
    entries = [pl.struct(key=pl.lit(key), value=value) for key, value in (("region", region), ("day", day))]
    adds = pl.select(
        add=pl.struct(
            path=pl.format("region={}/day={}/part-{}-c000.snappy.parquet", region, day, row.hash(seed)),
            partitionValues=pl.concat_list(entries).cast(pl.Map(pl.String, pl.String)),
            size=row + 1000,
            modificationTime=pl.lit(1_700_000_000_000),
            dataChange=pl.lit(value=False),
            stats=_wide_stats(row, stats_columns),
        )
    )
    start = [protocol(), metadata(partition_columns=["region", "day"])]
    write_delta_log(root, [start])
    checkpoint = pl.concat([adds, _frame(start).drop("add")], how="diagonal")
    checkpoint.write_parquet(root / "_delta_log" / f"{0:020d}.checkpoint.parquet")
    (root / "_delta_log" / "_last_checkpoint").write_text(json.dumps({"version": 0, "size": files}))
    known = adds.select(pl.col("add").struct.field("path")).to_series().to_list()
    values = {"region": "0", "day": "0"}
    write_delta_log(
        root,
        [
            [
                *(remove(path) for path in known[version * 10 : version * 10 + 10]),
                *(add(f"region=0/day=0/new-{version}-{n}.parquet", partition_values=values) for n in range(10)),
            ]
            for version in range(commits)
        ],
        first=1,
    )


def _wide_stats(row: pl.Expr, columns: int) -> pl.Expr:
    """The statistics of a row of files: a thousand rows each, so many integer columns."""

    def values(kind: str, value: pl.Expr) -> list[pl.Expr]:
        names = [f'{"," if column else ""}"column_{column:02d}":' for column in range(columns)]
        pairs = [pl.concat_str(pl.lit(name), value + column) for column, name in enumerate(names)]
        return [pl.lit(f',"{kind}":{{'), *pairs, pl.lit("}")]

    parts = [*values("minValues", row), *values("maxValues", row + 1000), *values("nullCount", row * 0)]
    return pl.concat_str(pl.lit('{"numRecords":1000'), *parts, pl.lit("}"))


_TEXT_MAP = pl.Map(pl.String, pl.String)
_VECTOR = pl.Struct(
    {
        "storageType": pl.String,
        "pathOrInlineDv": pl.String,
        "offset": pl.Int32,
        "sizeInBytes": pl.Int32,
        "cardinality": pl.Int64,
    }
)
_FEATURES = pl.List(pl.String)
_CHECKPOINT_SCHEMA = {
    "add": pl.Struct(
        {
            "path": pl.String,
            "partitionValues": _TEXT_MAP,
            "size": pl.Int64,
            "modificationTime": pl.Int64,
            "dataChange": pl.Boolean,
            "stats": pl.String,
            "tags": _TEXT_MAP,
            "deletionVector": _VECTOR,
            "baseRowId": pl.Int64,
            "defaultRowCommitVersion": pl.Int64,
        }
    ),
    "remove": pl.Struct({"path": pl.String, "deletionTimestamp": pl.Int64, "deletionVector": _VECTOR}),
    "protocol": pl.Struct(
        {
            "minReaderVersion": pl.Int32,
            "minWriterVersion": pl.Int32,
            "readerFeatures": _FEATURES,
            "writerFeatures": _FEATURES,
        }
    ),
    "metaData": pl.Struct(
        {
            "id": pl.String,
            "name": pl.String,
            "description": pl.String,
            "format": pl.Struct({"provider": pl.String, "options": _TEXT_MAP}),
            "schemaString": pl.String,
            "partitionColumns": pl.List(pl.String),
            "configuration": _TEXT_MAP,
            "createdTime": pl.Int64,
        }
    ),
    "sidecar": pl.Struct({"path": pl.String, "sizeInBytes": pl.Int64, "modificationTime": pl.Int64}),
    "checkpointMetadata": pl.Struct({"version": pl.Int64}),
}


def _frame(actions: Sequence[Action]) -> pl.DataFrame:
    return pl.DataFrame([dict(action) for action in actions], schema=_CHECKPOINT_SCHEMA)


def _write_actions(path: Path, actions: Sequence[Action]) -> Path:
    _frame(actions).write_parquet(path)
    return path
