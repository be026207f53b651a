"""Tables that Spark wrote, read by our client from a stand-in server: the rows are those that Spark read."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

from golden import GoldenTable, golden_tables
from lakeshare.client import SharingClient
from lakeshare.errors import UnsupportedTableFeature

from .standin import Standin

IN_PARQUET_FORMAT = {"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck"}
"""Reader features that a reader of plain files need not know."""
COLUMN_MAPPING = 2
ZONELESS = "data-reader-partition-values"
"""Its partition value `2021-09-08 11:11:11` has no zone. Spark read it in Los Angeles; we read such values in UTC."""

EXPECTED = [table for table in golden_tables() if table.expected_dir]


def reader_features(table: GoldenTable) -> set[str]:
    protocol = DeltaTable(table.table_dir).protocol()
    mapped = {"columnMapping"} if protocol.min_reader_version == COLUMN_MAPPING else set()
    return set(protocol.reader_features or ()) | mapped


PLAIN = [table for table in EXPECTED if reader_features(table) <= IN_PARQUET_FORMAT]
MAPPED = [table for table in EXPECTED if "columnMapping" in reader_features(table)]


def by_name(tables: list[GoldenTable]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in tables])


def expected_rows(table: GoldenTable) -> pl.DataFrame:
    rows = pl.read_parquet(sorted(Path(table.expected_dir or "").glob("*.parquet")))
    if table.name == ZONELESS:
        in_california = pl.col("as_timestamp").dt.convert_time_zone("America/Los_Angeles")
        rows = rows.with_columns(in_california.dt.replace_time_zone("UTC"))
    return rows


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame[sorted(range(frame.height), key=lambda row: repr(frame.row(row)))] if frame.height else frame


@by_name(PLAIN)
def test_reads_the_rows_that_spark_read(standin: Standin, client: SharingClient, table: GoldenTable) -> None:
    standin.add_delta_table("golden.delta.t", table.table_dir)
    expected = expected_rows(table)
    assert_frame_equal(in_order(client.read("golden.delta.t")), in_order(expected), check_exact=True)
    assert client.scan("golden.delta.t").select(pl.len()).collect().item() == expected.height
    assert client.read("golden.delta.t", limit=3).height == min(3, expected.height)


@by_name(MAPPED)
def test_refuses_mapped_columns(standin: Standin, client: SharingClient, table: GoldenTable) -> None:
    standin.add_delta_table("golden.delta.t", table.table_dir)
    with pytest.raises(UnsupportedTableFeature, match="column mapping"):
        client.read("golden.delta.t")
