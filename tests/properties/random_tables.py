"""Random Delta tables, written by deltalake: several commits, random partitions, nulls, text of every script."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, write_deltalake
from hypothesis import strategies as st

NESTED = pl.Struct({"n": pl.Int64, "word": pl.String})
SCHEMA = {
    "row_id": pl.Int64,
    "word": pl.String,
    "region": pl.String,
    "day": pl.Date,
    "instant": pl.Datetime("us", "UTC"),
    "wall": pl.Datetime("us"),
    "price": pl.Decimal(20, 3),
    "rate": pl.Decimal(9, 2),
    "n": pl.Int64,
    "small": pl.Int32,
    "x": pl.Float64,
    "single": pl.Float32,
    "ok": pl.Boolean,
    "nested": NESTED,
}
"""`row_id` tells rows apart, and is in no predicate."""
PARTITIONABLE = ("region", "day", "instant", "rate", "n", "small", "ok")

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  wall-clock time
_regions = st.sampled_from(
    ["a", "ab", "b", "é", "Île", "100%", "a/b=c", "%2F", "it's", "a\\b", "日本", "😀", " ", "null"]
)
"""Short, for a partition's value is part of a file's name."""
_words = st.one_of(
    _regions,
    st.sampled_from(["z" * 40, "ß" * 40, "\uffff" * 33, "\U0010ffff" * 33, "a\u2028b", " ", "null", "NaN"]),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40),
)
_moments = st.one_of(
    st.datetimes(EPOCH - timedelta(seconds=1), EPOCH + timedelta(seconds=1)),
    st.datetimes(EPOCH - timedelta(days=400), EPOCH + timedelta(days=400)),
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
)
_longs = st.one_of(st.integers(-3, 3), st.integers(2**53 - 2, 2**53 + 2), st.sampled_from([-(2**63), 2**63 - 1]))
VALUES: dict[str, st.SearchStrategy] = {
    "word": _words,
    "region": _regions,
    "day": st.one_of(st.dates(date(1969, 12, 30), date(1970, 1, 3)), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "instant": _moments.map(lambda moment: moment.replace(tzinfo=UTC)),
    "wall": _moments,
    "price": st.one_of(
        st.decimals(-3, 3, places=3),
        st.sampled_from([Decimal("12345678901234567.001"), Decimal("12345678901234567.002")]),
    ),
    # None is negative: deltalake writes such partition values as -20.-50, and cannot read them back.
    "rate": st.sampled_from([Decimal("0.00"), Decimal("0.05"), Decimal("1.10"), Decimal("1234567.89")]),
    "n": _longs,
    "small": st.integers(-3, 3),
    "x": st.one_of(st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.1, 1e300]), st.floats(-3, 3)),
    "single": st.one_of(st.sampled_from([math.nan, math.inf, -0.0]), st.floats(-3, 3, width=32)),
    "ok": st.booleans(),
}
_nested = st.fixed_dictionaries({"n": st.none() | _longs, "word": st.none() | _words})
_rows = st.fixed_dictionaries(
    {**{name: st.one_of(values, values, values, st.none()) for name, values in VALUES.items()}, "nested": _nested}
)


@dataclass(frozen=True)
class RandomTable:
    """Commits of rows, to be written in order."""

    commits: list[list[dict]]
    partition_by: list[str]
    indexed_columns: int
    checkpoint: bool
    deleted: bool
    wall: bool = True
    """Whether it has the column of that name, whose type parquet format cannot serve."""

    @property
    def rows(self) -> list[dict]:
        return [row for commit in self.commits for row in commit]

    def write(self, place: Path) -> pl.DataFrame:
        """Write the table; gives the rows that it holds at the end."""
        frames, first = [], 0
        for commit in self.commits:
            frame = pl.DataFrame(commit, schema={k: v for k, v in SCHEMA.items() if k != "row_id"}, strict=False)
            frames.append(frame.select(pl.int_range(first, first + len(commit)).alias("row_id"), pl.all()))
            frames[-1] = frames[-1] if self.wall else frames[-1].drop("wall")
            first += len(commit)
            write_deltalake(
                place,
                frames[-1].to_arrow(),
                mode="append",
                partition_by=self.partition_by or None,
                configuration={
                    "delta.dataSkippingNumIndexedCols": str(self.indexed_columns),
                    "delta.enableChangeDataFeed": "true",
                },
            )
        rows = pl.concat(frames)
        if self.deleted:
            DeltaTable(place).delete("row_id = 0")
            rows = rows.filter(pl.col("row_id") != 0)
        if self.checkpoint:
            DeltaTable(place).create_checkpoint()
        return rows


def tables_of(fewest: int) -> st.SearchStrategy[RandomTable]:
    """Tables of no fewer commits, and no fewer rows in each of them."""
    return st.builds(
        RandomTable,
        commits=st.lists(st.lists(_rows, min_size=fewest, max_size=6), min_size=fewest, max_size=4),
        partition_by=st.lists(st.sampled_from(PARTITIONABLE), max_size=2, unique=True),
        indexed_columns=st.sampled_from([32, 32, 32, 3, 0]),
        checkpoint=st.booleans(),
        deleted=st.booleans(),
    )


random_tables = tables_of(1)


def url_of(line: dict) -> str | None:
    """The URL of a snapshot's file line, in either response format; None where the line is about no file."""
    file = line.get("file")
    if file is None:
        return None
    url: str = file["deltaSingleAction"]["add"]["path"] if "deltaSingleAction" in file else file["url"]
    return url
