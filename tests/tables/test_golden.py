"""Our replay of tables that Spark wrote, beside the rows that Spark read and the files that deltalake finds."""

from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from golden import GoldenTable, golden_tables
from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import FILE_COLUMNS, Snapshot, TableSource, physical_partition_columns
from lakeshare.tables.formats import open_table

TABLES = golden_tables()
READABLE = [table for table in TABLES if not table.is_broken]
ROWS = {"v2-checkpoints-json-with-sidecars": 1233}
"""Of tables whose rows nobody wrote down."""
SPELLED_DIFFERENTLY = "canonicalized-paths-"
"""deltalake takes each spelling of a path for a file of its own."""


def by_name(tables: list[GoldenTable]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in tables])


async def load(table: GoldenTable) -> Snapshot:
    return await open_table(TableSource("golden", f"file://{table.table_dir}")).load()


@by_name(READABLE)
async def test_has_one_row_a_file_in_order(table: GoldenTable):
    snapshot = await load(table)
    files = snapshot.files.frame()
    partitioned = {"partition_values": files.schema.get("partition_values")} if table_is_partitioned(snapshot) else {}
    assert files.schema == FILE_COLUMNS | partitioned
    assert files.select("path", "size", "modification_time").null_count().row(0) == (0, 0, 0)
    assert files.equals(files.sort("path", "deletion_vector_id"))
    assert snapshot.size_bytes == sum(files["size"])
    if partitioned:
        assert [field.name for field in files.schema["partition_values"].fields] == [
            *physical_partition_columns(snapshot.metadata)
        ]


def table_is_partitioned(snapshot: Snapshot) -> bool:
    return bool(snapshot.metadata.partition_columns)


@by_name([table for table in READABLE if not table.name.startswith(SPELLED_DIFFERENTLY)])
async def test_has_the_version_and_files_that_deltalake_finds(table: GoldenTable):
    snapshot = await load(table)
    try:
        theirs = DeltaTable(str(table.table_dir))
    except DeltaError:
        assert table.name == "deltalog-commit-info", "the one readable table that deltalake cannot open"
        assert snapshot.files.frame()["path"].to_list() == ["abc"]
        return
    assert snapshot.version == theirs.version()
    assert snapshot.protocol.min_reader_version == theirs.protocol().min_reader_version
    assert snapshot.metadata.id == str(theirs.metadata().id)
    assert {f"{table.table_dir}/{path}" for path in snapshot.files.frame()["path"]} == set(theirs.file_uris())


@by_name([table for table in READABLE if table.name.startswith(SPELLED_DIFFERENTLY)])
async def test_knows_a_file_by_all_its_spellings(table: GoldenTable):
    assert (await load(table)).num_files == 0


@by_name([table for table in READABLE if table.expected_dir or table.name in ROWS])
async def test_active_files_hold_the_rows_that_spark_read(table: GoldenTable):
    files = (await load(table)).files.frame()
    rows = sum(rows_in(table.table_dir / path) for path in files["path"])
    expected = sum(map(rows_in, table.expected_dir.glob("*.parquet"))) if table.expected_dir else ROWS[table.name]
    if files["deletion_vector_id"].null_count() == files.height:
        assert rows == expected
    else:
        assert rows > expected, "deletion vectors take rows away"


def rows_in(path: Path) -> int:
    return pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()


@by_name([table for table in TABLES if table.is_broken])
async def test_refuses_a_broken_log_without_naming_a_path(table: GoldenTable):
    with pytest.raises(TableUnreadable) as refusal:
        await load(table)
    assert "/" not in refusal.value.message
    assert refusal.value.message[0].islower()
