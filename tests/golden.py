"""The golden Delta tables: written by Spark, read from where LAKESHARE_GOLDEN says, never copied."""

import os
from dataclasses import dataclass
from pathlib import Path

BROKEN = frozenset(
    {
        "data-reader-absolute-paths-escaped-chars",
        "deltalog-state-reconstruction-from-checkpoint-missing-metadata",
        "deltalog-state-reconstruction-from-checkpoint-missing-protocol",
        "deltalog-state-reconstruction-without-metadata",
        "deltalog-state-reconstruction-without-protocol",
        "no-delta-log-folder",
    }
)
"""They must be refused."""


@dataclass(frozen=True)
class GoldenTable:
    """`expected_dir` holds the table's rows as Parquet, where somebody wrote them down."""

    name: str
    table_dir: Path
    expected_dir: Path | None

    @property
    def is_broken(self) -> bool:
        return self.name in BROKEN


def golden_tables() -> list[GoldenTable]:
    """All of them, in name order; none where LAKESHARE_GOLDEN is not set, or says `absent`.

    Raises RuntimeError where it names a place that holds no tables.
    """
    place = os.environ.get("LAKESHARE_GOLDEN", "absent")
    if place == "absent":
        return []
    directories = sorted(Path(place).resolve().glob("delta/*/delta"))
    if not directories:
        raise RuntimeError(f"LAKESHARE_GOLDEN={place} holds no golden tables: there is no delta/*/delta in it.")
    return [_table(directory) for directory in directories]


def _table(directory: Path) -> GoldenTable:
    expected = directory.with_name("expected")
    return GoldenTable(directory.parent.name, directory, expected if expected.is_dir() else None)
