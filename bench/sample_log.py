"""A Delta log of many files that need not exist: what the server lists is the log.

A table's checkpoint is version 0; small commits lie behind it. Every file is a pure function of its number and the
table's seed, so that a log is the same whenever and in whatever pieces it is written.
"""

import json
import uuid
from datetime import date, timedelta
from pathlib import Path

import polars as pl

ROWS_PER_FILE = 10_000
DAYS, REGIONS = 100, 10
ADDED, REMOVED = 20, 10  # by one commit

LONGS = ("event_id", "order_id", "customer_id", "device_id", "session_id", "quantity")
DOUBLES = ("price", "discount", "latitude", "longitude")
STRINGS = ("country", "city", "product", "status")
DATES = ("ship_date", "due_date")
TIMESTAMPS = ("created_at", "updated_at")
DECIMALS = ("amount", "tax")
COLUMN_TYPES = (
    dict.fromkeys(LONGS, "long")
    | dict.fromkeys(DOUBLES, "double")
    | dict.fromkeys(STRINGS, "string")
    | dict.fromkeys(DATES, "date")
    | dict.fromkeys(TIMESTAMPS, "timestamp")
    | dict.fromkeys(DECIMALS, "decimal(18,2)")
)
PARTITION_TYPES = {"day": "date", "region": "string"}

_DAY_TEXTS = pl.Series([str(date(2026, 1, 1) + timedelta(days=day)) for day in range(DAYS)])
_REGION_TEXTS = pl.Series([f"region-{number}" for number in range(REGIONS)])
_WORDS = pl.Series([f"{first}{second}" for first in ("am", "be", "ka", "no", "zu") for second in ("ra", "lin", "tos")])
_BATCH = 100_000  # files that are written at a time
_MODIFIED_MS = 1_767_225_600_000


def write_log(table: Path, files: int, *, commits: int = 50, seed: int = 7) -> None:
    """A table of `files` files in a checkpoint, and `commits` commits that each add 20 files and remove 10."""
    log = table / "_delta_log"
    log.mkdir(parents=True)
    start = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {
            "metaData": {
                "id": str(uuid.UUID(int=seed * 2**64 + files, version=4)),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": _schema_fields()}),
                "partitionColumns": list(PARTITION_TYPES),
                "configuration": {},
                "createdTime": _MODIFIED_MS,
            }
        },
    ]
    (log / f"{0:020}.json").write_text("".join(json.dumps(action) + "\n" for action in start))
    batches = [_adds(first, min(first + _BATCH, files), files, seed) for first in range(0, files, _BATCH)]
    checkpoint = pl.concat([pl.DataFrame(start, schema=_START_SCHEMA), *batches], how="diagonal")
    checkpoint.write_parquet(log / f"{0:020}.checkpoint.parquet", compression="snappy", row_group_size=_BATCH)
    (log / "_last_checkpoint").write_text(json.dumps({"version": 0, "size": files + len(start)}))
    for version in range(1, commits + 1):
        (log / f"{version:020}.json").write_text(commit_text(version, files, seed=seed))


def commit_text(version: int, files: int, *, seed: int = 7) -> str:
    """The commit of that version of a table whose checkpoint has `files` files."""
    first_new = files + (version - 1) * ADDED
    first_old = (version - 1) * REMOVED
    removed = _adds(first_old, first_old + REMOVED, files, seed)["add"].struct.field("path").to_list()
    added = _adds(first_new, first_new + ADDED, files, seed)["add"].to_list()
    actions = [
        *({"remove": {"path": path, "deletionTimestamp": _MODIFIED_MS, "dataChange": True}} for path in removed),
        *({"add": add | {"partitionValues": dict(add["partitionValues"])}} for add in added),
    ]
    return "".join(json.dumps(action) + "\n" for action in actions)


def active_files(files: int, version: int) -> int:
    """How many files that version has."""
    return files + version * (ADDED - REMOVED)


def partition_hint(day: int) -> str:
    """A SQL hint that leaves one file in a hundred."""
    return f"day = '{_DAY_TEXTS[day]}'"


def stats_hint(column: str, *, leaves: int, after: int = 0) -> str:
    """A SQL hint on one of the first five long columns that leaves so many of the checkpoint's files."""
    first = after * ROWS_PER_FILE
    return f"{column} >= {first} AND {column} < {first + leaves * ROWS_PER_FILE}"


def _adds(first: int, end: int, files: int, seed: int) -> pl.DataFrame:
    """The `add` actions of the files numbered from `first` up to `end`."""
    row = pl.int_range(first, end, dtype=pl.Int64)
    day = pl.lit(_DAY_TEXTS).gather(row % DAYS)
    region = pl.lit(_REGION_TEXTS).gather(row // DAYS % REGIONS)
    name = pl.format("part-{}-{}-{}-c000.snappy.parquet", row % 200, _scattered(row, seed, 0), row)
    entries = [pl.struct(key=pl.lit(key), value=value) for key, value in (("day", day), ("region", region))]
    return pl.select(
        add=pl.struct(
            path=pl.format("day={}/region={}/{}", day, region, name),
            partitionValues=pl.concat_list(entries).cast(pl.Map(pl.String, pl.String)),
            size=_scattered(row, seed, 1) % 2**27 + 2**20,
            modificationTime=row % 86_400_000 + _MODIFIED_MS,
            dataChange=pl.lit(value=False),
            stats=_stats(row, files, seed),
        )
    )


def _stats(row: pl.Expr, files: int, seed: int) -> pl.Expr:
    low, high = _bounds(row, files, seed)
    parts = [
        pl.lit(f'{{"numRecords":{ROWS_PER_FILE}'),
        *_object("minValues", low),
        *_object("maxValues", high),
        *_object("nullCount", {name: _scattered(row, seed, 2) % (10 + at) for at, name in enumerate(COLUMN_TYPES)}),
        pl.lit("}"),
    ]
    return pl.concat_str(parts)


def _object(kind: str, values: dict[str, pl.Expr]) -> list[pl.Expr]:
    pairs = [(pl.lit(f'{"," if at else ""}"{name}":'), value) for at, (name, value) in enumerate(values.items())]
    return [pl.lit(f',"{kind}":{{'), *(part for pair in pairs for part in pair), pl.lit("}")]


def _bounds(row: pl.Expr, files: int, seed: int) -> tuple[dict[str, pl.Expr], dict[str, pl.Expr]]:
    """The smallest and the largest value of every column, as JSON."""
    low, high = {}, {}
    for at, name in enumerate(LONGS[:-1]):  # each clustered, and each in another order
        low[name] = row * _STEPS[at] % files * ROWS_PER_FILE
        high[name] = low[name] + (ROWS_PER_FILE - 1)
    low[LONGS[-1]], high[LONGS[-1]] = pl.lit("1"), _scattered(row, seed, 3) % 90 + 10
    for at, name in enumerate((*DOUBLES, *DECIMALS)):
        whole, cents = _scattered(row, seed, 4 + at) % 5_000, _scattered(row, seed, 10 + at) % 90 + 10
        low[name] = pl.concat_str(whole, pl.lit("."), cents)
        high[name] = pl.concat_str(whole + 700, pl.lit("."), cents)
    for at, name in enumerate(STRINGS):
        word, number = pl.lit(_WORDS).gather(row % len(_WORDS)), _scattered(row, seed, 16 + at) % 1_000
        low[name] = pl.concat_str(pl.lit('"a'), word, number, pl.lit('"'))
        high[name] = pl.concat_str(pl.lit('"u'), word, number, pl.lit('"'))
    for at, name in enumerate((*DATES, *TIMESTAMPS)):
        day = _scattered(row, seed, 20 + at) % (DAYS - 10)
        clock = "" if name in DATES else "T08:15:30.250Z"
        for bounds, of_day in ((low, day), (high, day + 10)):
            bounds[name] = pl.concat_str(pl.lit('"'), pl.lit(_DAY_TEXTS).gather(of_day), pl.lit(f'{clock}"'))
    return {name: low[name] for name in COLUMN_TYPES}, {name: high[name] for name in COLUMN_TYPES}


_STEPS = (7_919, 104_729, 15_485_863, 32_452_843, 49_979_687)  # primes, so that each puts a table's files in an order


def _scattered(row: pl.Expr, seed: int, salt: int) -> pl.Expr:
    """Numbers without order, the same in every version of Polars."""
    mixed = (row + (seed * 1_000_003 + salt * 7_368_787)) * 2_654_435_761 % 2**32
    return mixed * 40_503 % 2**31 + mixed // 2**16


def _schema_fields() -> list[dict[str, object]]:
    types = COLUMN_TYPES | PARTITION_TYPES
    return [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in types.items()]


_START_SCHEMA = {
    "protocol": pl.Struct({"minReaderVersion": pl.Int32, "minWriterVersion": pl.Int32}),
    "metaData": pl.Struct(
        {
            "id": pl.String,
            "format": pl.Struct({"provider": pl.String, "options": pl.Map(pl.String, pl.String)}),
            "schemaString": pl.String,
            "partitionColumns": pl.List(pl.String),
            "configuration": pl.Map(pl.String, pl.String),
            "createdTime": pl.Int64,
        }
    ),
}
