"""Time travel, change data feed and streams by the sharing connector."""

import ast
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from golden import golden_tables

FORMATS = pytest.mark.parametrize("response_format", ["parquet", "delta"])

needs_golden = pytest.mark.skipif(
    os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables"
)


def append(location: Path, *ids: int) -> None:
    """One commit. The table has its change data feed on."""
    configuration = {"delta.enableChangeDataFeed": "true"}
    write_deltalake(location, pa.table({"id": list(ids)}), mode="append", configuration=configuration)


def ids(rows: list[str]) -> list[int]:
    return sorted(int(row.strip("(),")) for row in rows)


def commit_time(location: Path, version: int) -> str:
    """The commit file's time, which is the version's."""
    seconds = commit_file(location, version).stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def commit_file(location: Path, version: int) -> Path:
    return location / "_delta_log" / f"{version:020}.json"


@pytest.fixture
def numbers(provider):
    """Versions 0 to 3, a second apart, hold the ids 1, 1-2, 1-3 and 1-4."""
    location = provider.lake / "numbers"
    for number in (1, 2, 3, 4):
        append(location, number)
        os.utime(commit_file(location, number - 1), (1_700_000_000 + number,) * 2)
    return location


@FORMATS
def test_travels_to_a_version_and_to_a_time(provider, spark, numbers, response_format):
    path = provider.share("spark.numbers", numbers, history=True)
    options = {"responseFormat": response_format}
    assert ids(spark.read(path, options=options | {"versionAsOf": "1"})) == [1, 2]
    assert ids(spark.read(path, options=options | {"timestampAsOf": commit_time(numbers, 2)})) == [1, 2, 3]


def test_without_history_there_is_no_travel(provider, spark, numbers):
    path = provider.share("spark.numbers", numbers)
    assert "INVALID_PARAMETER_VALUE" in spark.ask(path=path, options={"versionAsOf": "1"})["error"]
    assert ids(spark.read(path)) == [1, 2, 3, 4]


@FORMATS
@pytest.mark.parametrize("end_stream_action", ["true", "false"])
def test_reads_the_changes_of_some_versions(provider, spark, numbers, response_format, end_stream_action):
    DeltaTable(numbers).delete("id = 2")
    path = provider.share("spark.numbers", numbers, history=True)
    changes = spark.read(
        path,
        options={
            "responseFormat": response_format,
            "readChangeFeed": "true",
            "startingVersion": "2",
            "endingVersion": "4",
        },
        conf={"spark.delta.sharing.query.includeEndStreamAction": end_stream_action},
    )
    kinds = {ast.literal_eval(row)[0]: "delete" if "'delete'" in row else "insert" for row in changes}
    assert kinds == {2: "delete", 3: "insert", 4: "insert"}


@needs_golden
def test_reads_the_changes_of_a_table_with_deletion_vectors_as_deltas_library_does(provider, spark, golden_read):
    table = next(table for table in golden_tables() if table.name == "cdf-table-with-cdc-and-dvs")
    path = provider.share("spark.vectors", table.table_dir, history=True)
    options = {"readChangeFeed": "true", "startingVersion": "0"}
    changes = spark.read(path, options=options | {"responseFormat": "delta"})
    assert changes == spark.read(str(table.table_dir), options=options, format="delta")
    golden_read(table.name)


def test_reads_changes_page_by_page_and_by_time(provider, spark, numbers):
    path = provider.share("spark.numbers", numbers, history=True)
    conf = {
        "spark.delta.sharing.queryPagination.enabled": "true",
        "spark.delta.sharing.maxFilesPerQueryRequest": "1",
        "spark.delta.sharing.query.includeEndStreamAction": "true",
    }
    options = {"readChangeFeed": "true", "startingTimestamp": commit_time(numbers, 1)}
    assert len(spark.read(path, options=options, conf=conf)) == 3


@FORMATS
def test_streams_what_is_committed_between_its_runs(provider, spark, numbers, tmp_path, response_format):
    path = provider.share("spark.numbers", numbers, history=True)
    place = {"checkpoint": str(tmp_path / "checkpoint"), "output": str(tmp_path / "output")}
    request = {"path": path, "options": {"responseFormat": response_format, "startingVersion": "1"}, "stream": place}
    assert ids(spark.read(**request)) == [2, 3, 4]
    append(numbers, 5)
    append(numbers, 6)
    DeltaTable(numbers).optimize.compact()
    append(numbers, 7)
    assert ids(spark.read(**request)) == [2, 3, 4, 5, 6, 7]
    assert ids(spark.read(**request)) == [2, 3, 4, 5, 6, 7]


@FORMATS
def test_a_stream_takes_two_versions_at_a_time_where_it_is_told_so(provider, spark, numbers, tmp_path, response_format):
    path = provider.share("spark.numbers", numbers, history=True)
    place = {"checkpoint": str(tmp_path / "checkpoint"), "output": str(tmp_path / "output")}
    options = {"responseFormat": response_format, "startingVersion": "0", "maxVersionsPerRpc": "2"}
    # The connector asks for versions once a run.
    assert ids(spark.read(path, options=options, stream=place)) == [1, 2]
    assert ids(spark.read(path, options=options, stream=place)) == [1, 2, 3, 4]


@FORMATS
@pytest.mark.parametrize("paged", ["true", "false"])
def test_streams_with_asynchronous_queries(provider, spark, numbers, tmp_path, response_format, paged):
    path = provider.share("spark.numbers", numbers, history=True)
    place = {"checkpoint": str(tmp_path / "checkpoint"), "output": str(tmp_path / "output")}
    conf = {
        "spark.delta.sharing.network.useAsyncQuery": "true",
        "spark.delta.sharing.network.asyncQueryRetryInterval": "100",
        "spark.delta.sharing.queryPagination.enabled": paged,
    }
    options = {"responseFormat": response_format, "startingVersion": "1"}
    assert ids(spark.read(path, options=options, stream=place, conf=conf)) == [2, 3, 4]


@FORMATS
def test_a_stream_starts_with_the_table_as_it_is(provider, spark, numbers, tmp_path, response_format):
    path = provider.share("spark.numbers", numbers, history=True)
    place = {"checkpoint": str(tmp_path / "checkpoint"), "output": str(tmp_path / "output")}
    request = {"path": path, "options": {"responseFormat": response_format}, "stream": place}
    assert ids(spark.read(**request)) == [1, 2, 3, 4]
    append(numbers, 5)
    assert ids(spark.read(**request)) == [1, 2, 3, 4, 5]


def test_a_stream_stops_at_a_delete_that_it_was_not_told_to_ignore(provider, spark, numbers, tmp_path):
    path = provider.share("spark.numbers", numbers, history=True)
    DeltaTable(numbers).delete("id = 2")
    place = {"checkpoint": str(tmp_path / "checkpoint"), "output": str(tmp_path / "output")}
    options = {"startingVersion": "1"}
    assert "ignoreDeletes" in spark.ask(path=path, options=options, stream=place)["error"]
    place = {"checkpoint": str(tmp_path / "checkpoint2"), "output": str(tmp_path / "output2")}
    assert ids(spark.read(path, options=options | {"ignoreDeletes": "true"}, stream=place)) == [2, 3, 4]
