"""The golden Delta tables at every version, against deltalake; their changes replayed; their deletion vectors found."""

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from golden import GoldenTable, golden_tables
from lakeshare.errors import TableUnreadable, VersionGone
from lakeshare.tables.base import CHANGE_COLUMNS, Commit, TableReader, TableSource
from lakeshare.tables.formats import open_table
from lakeshare.tables.formats.delta.deletion_vectors import deletion_vector_key

READABLE = [table for table in golden_tables() if not table.is_broken]
UNOPENED = {"deltalog-commit-info"}
"""Tables that deltalake cannot open."""
OUTSIDE = [table for table in READABLE if table.name.startswith("canonicalized-paths-")]
"""Their first version has a file outside the table, which their last one removes."""
KEY = ["path", "deletion_vector_id"]


def reader(table: GoldenTable) -> TableReader:
    return open_table(TableSource("golden", f"file://{table.table_dir}"))


async def changes(table: GoldenTable) -> list[Commit]:
    tables = reader(table)
    history = await tables.history()
    return [commit async for commit in tables.commits(history.first, history.last)]


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in READABLE if table not in OUTSIDE])
async def test_every_version_has_the_files_that_deltalake_finds(table: GoldenTable):
    tables = reader(table)
    history = await tables.history()
    for version in range(history.last + 1):
        try:
            snapshot = await tables.load(version)
        except VersionGone:
            with pytest.raises(DeltaError):
                DeltaTable(str(table.table_dir), version=version)
            continue
        assert await tables.metadata_at(version) == (snapshot.protocol, snapshot.metadata)
        if table.name in UNOPENED:
            continue
        theirs = DeltaTable(str(table.table_dir), version=version)
        assert {f"{table.table_dir}/{path}" for path in snapshot.files.frame()["path"]} == set(theirs.file_uris())
        assert snapshot.metadata.id == str(theirs.metadata().id)
    newest = await tables.load()
    assert (await tables.load(history.last)).files.frame().equals(newest.files.frame())


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in OUTSIDE])
async def test_a_version_with_a_file_outside_the_table_is_refused_as_are_its_changes(table: GoldenTable):
    with pytest.raises(TableUnreadable, match="outside"):
        await reader(table).load(0)
    with pytest.raises(TableUnreadable, match="outside"):
        await changes(table)


@pytest.mark.parametrize("name", ["cdf-table", "cdf-table-with-cdc-and-dvs", "deltalog-getChanges"])
async def test_the_changes_of_all_versions_make_the_newest(name: str):
    table = golden(name)
    commits = await changes(table)
    newest = await reader(table).load()
    assert [commit.version for commit in commits] == [*range(newest.version + 1)]
    frames = [commit.files.filter(pl.col("action") != "cdc") for commit in commits]
    last = pl.concat(frames, how="diagonal").unique(KEY, keep="last").filter(pl.col("action") == "add").sort(KEY)
    assert last.select(KEY).equals(newest.files.frame(*KEY))
    for commit in commits:
        assert list(commit.files.schema)[: len(CHANGE_COLUMNS)] == list(CHANGE_COLUMNS)


@pytest.mark.parametrize(("name", "change_files"), [("cdf-table", 13), ("cdf-table-with-cdc-and-dvs", None)])
async def test_change_files_are_there_with_their_sizes(name: str, change_files: int | None):
    table = golden(name)
    recorded = pl.concat([commit.files.filter(pl.col("action") == "cdc") for commit in await changes(table)])
    assert recorded.height == (change_files or recorded.height) > 0
    for path, size in recorded.select("path", "size").iter_rows():
        assert path.startswith("_change_data/")
        assert (table.table_dir / path).stat().st_size == size


@pytest.mark.parametrize("name", ["cdf-table-with-cdc-and-dvs", "dv-partitioned-with-checkpoint"])
async def test_deletion_vectors_lie_where_their_descriptors_say(name: str):
    table = golden(name)
    vectors = (await reader(table).load()).files.frame()["deletion_vector"].drop_nulls().to_list()
    assert vectors
    for vector in vectors:
        key = deletion_vector_key(vector["storage_type"], vector["path_or_inline_dv"], f"file://{table.table_dir}")
        data = (table.table_dir / key).read_bytes()
        size = int.from_bytes(data[vector["offset"] : vector["offset"] + 4], "big")
        assert size == vector["size_in_bytes"]
        assert vector["cardinality"] > 0


def golden(name: str) -> GoldenTable:
    table = next((table for table in READABLE if table.name == name), None)
    if table is None:
        pytest.skip(f"LAKESHARE_GOLDEN names no table {name!r}")
    return table
