"""A Delta log of many files that need not exist: what the server lists is the log."""

import json
import random
import uuid
from pathlib import Path

COLUMNS = 20


def write_log(table: Path, files: int, seed: int = 7) -> None:
    """A table of `files` files, partitioned by `day`, with stats on 20 columns (about 1.4 KB a file)."""
    log = table / "_delta_log"
    log.mkdir(parents=True)
    draw = random.Random(seed)
    fields = [{"name": f"c{i}", "type": "long", "nullable": True, "metadata": {}} for i in range(COLUMNS)]
    fields.append({"name": "day", "type": "date", "nullable": True, "metadata": {}})
    with (log / f"{0:020}.json").open("w") as commit:
        for action in (
            {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
            {
                "metaData": {
                    "id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
                    "format": {"provider": "parquet", "options": {}},
                    "schemaString": json.dumps({"type": "struct", "fields": fields}),
                    "partitionColumns": ["day"],
                    "configuration": {},
                    "createdTime": 1_700_000_000_000,
                }
            },
        ):
            commit.write(json.dumps(action) + "\n")
        for number in range(files):
            commit.write(json.dumps({"add": _add(number, draw)}) + "\n")


def _add(number: int, draw: random.Random) -> dict[str, object]:
    day = f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"
    low = {f"c{i}": draw.getrandbits(40) for i in range(COLUMNS)}
    stats = {
        "numRecords": 10_000,
        "minValues": low,
        "maxValues": {name: value + 10_000 for name, value in low.items()},
        "nullCount": dict.fromkeys(low, 0),
    }
    return {
        "path": f"day={day}/part-{number:06}-{draw.getrandbits(64):016x}.snappy.parquet",
        "partitionValues": {"day": day},
        "size": 1_000_000 + number,
        "modificationTime": 1_700_000_000_000,
        "dataChange": True,
        "stats": json.dumps(stats, separators=(",", ":")),
    }
