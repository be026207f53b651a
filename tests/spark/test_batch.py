"""Batch reads by the sharing connector: both formats, hints, partitions, golden tables, the wire's options."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from golden import golden_tables
from lakeshare.demo.lakehouse import write_lakehouse

FORMATS = pytest.mark.parametrize("response_format", ["parquet", "delta"])
QUERIED = "deltaSharingQueriedTable"

SESSION_ZONES = {"data-reader-partition-values": "America/Los_Angeles"}
"""A partition value's timestamp has no zone. Spark wrote these rows in another one than UTC."""

needs_golden = pytest.mark.skipif(
    os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables"
)


def rows_of(table: pa.Table) -> list[str]:
    return sorted(repr(tuple(row.values())) for row in table.to_pylist())


def ten_files(location: Path) -> None:
    """Ids 0 to 99 in ten files of ten."""
    for start in range(0, 100, 10):
        write_deltalake(location, pa.table({"id": range(start, start + 10)}), mode="append")


@FORMATS
def test_reads_the_demo_tables(provider, spark, tmp_path, response_format):
    tables = write_lakehouse(tmp_path / "demo").tables
    # All before the first read: a running server sees a new share within a quarter of a second, not at once.
    paths = [provider.share(f"spark.{table.name}", table.location) for table in tables]
    for table, path in zip(tables, paths, strict=True):
        expected = tmp_path / "expected" / table.shared_as
        expected.mkdir(parents=True)
        pq.write_table(DeltaTable(table.location).to_pyarrow_table(), expected / "rows.parquet")
        answer = spark.ask(path=path, options={"responseFormat": response_format}, expected=str(expected))
        assert answer["equal"], (table.shared_as, answer["error"])


@FORMATS
def test_reads_partition_values_as_they_were_written(provider, spark, response_format):
    regions = ["Île de France", "a=b/c", "50%", "x#y?z", " ", "plain", None]
    rows = pa.table(
        {"id": range(7), "region": pa.array(regions, pa.string()), "n": pa.array([1, None] * 3 + [2], pa.int32())}
    )
    write_deltalake(provider.lake / "regions", rows, partition_by=["region", "n"])
    path = provider.share("spark.regions", provider.lake / "regions")
    options = {"responseFormat": response_format}
    assert spark.read(path, options=options) == rows_of(rows)
    assert spark.read(path, options=options, where="region = 'Île de France'") == ["(0, 'Île de France', 1)"]
    assert spark.read(path, options=options, where="region is null") == ["(6, None, 2)"]


@FORMATS
def test_filters_spare_files_and_lose_no_row(provider, spark, response_format):
    ten_files(provider.lake / "ids")
    path = provider.share("spark.ids", provider.lake / "ids")
    assert spark.read(path, options={"responseFormat": response_format}, where="id >= 95") == [
        f"({number},)" for number in range(95, 100)
    ]
    assert provider.audited(QUERIED)[-1]["response"]["result"]["numAddFiles"] == 1


def test_a_limit_reaches_the_server(provider, spark):
    ten_files(provider.lake / "ids")
    path = provider.share("spark.ids", provider.lake / "ids")
    assert len(spark.read(path, limit=7)) == 7
    assert provider.audited(QUERIED)[-1]["response"]["result"]["limitHint"] == 7


@pytest.mark.parametrize("end_stream_action", ["true", "false"])
def test_reads_a_table_page_by_page(provider, spark, end_stream_action):
    ten_files(provider.lake / "ids")
    path = provider.share("spark.ids", provider.lake / "ids")
    conf = {
        "spark.delta.sharing.queryPagination.enabled": "true",
        "spark.delta.sharing.maxFilesPerQueryRequest": "3",
        "spark.delta.sharing.query.includeEndStreamAction": end_stream_action,
    }
    assert len(spark.read(path, conf=conf)) == 100
    assert [event["response"]["result"]["numAddFiles"] for event in provider.audited(QUERIED)] == [3, 3, 3, 1]


@pytest.mark.parametrize("paged", ["true", "false"])
def test_reads_by_asynchronous_queries(provider, spark, paged):
    ten_files(provider.lake / "ids")
    path = provider.share("spark.ids", provider.lake / "ids")
    conf = {
        "spark.delta.sharing.network.useAsyncQuery": "true",
        "spark.delta.sharing.network.asyncQueryRetryInterval": "100",
        "spark.delta.sharing.queryPagination.enabled": paged,
        "spark.delta.sharing.maxFilesPerQueryRequest": "4",
    }
    assert len(spark.read(path, conf=conf)) == 100


def test_an_asynchronous_query_that_fails_ends_the_read_at_once(provider, spark):
    """The connector knows of no failure: it would poll for ten minutes, if the version were told."""
    location = provider.lake / "ids"
    ten_files(location)
    path = provider.share("spark.ids", location, history=True)
    conf = {
        "spark.delta.sharing.network.useAsyncQuery": "true",
        "spark.delta.sharing.network.asyncQueryRetryInterval": "100",
    }
    spark.run(f"CREATE TEMPORARY VIEW old USING deltaSharing OPTIONS (path '{path}', versionAsOf '3')", **conf)
    log = location / "_delta_log"
    (log / f"{3:020}.json").write_text("no action\n")
    (log / f"{10:020}.json").write_text('{"commitInfo":{}}\n')  # else the server need not look at the log again
    answer = spark.ask(sql=["SELECT * FROM old"], conf=conf)
    assert "Cannot find Delta-Table-Version in the header" in (answer["error"] or "")
    assert provider.audited("deltaSharingPolledQuery")[-1]["response"]["error_message"]


def test_a_read_outlives_its_urls(impatient_provider, spark):
    ten_files(impatient_provider.lake / "ids")
    path = impatient_provider.share("spark.ids", impatient_provider.lake / "ids")
    one_file_a_task = {"spark.sql.files.maxPartitionBytes": "1m", "spark.sql.files.openCostInBytes": "1m"}
    rows = spark.read(path, conf=one_file_a_task, slow=400)
    assert len(rows) == 100
    assert len(impatient_provider.audited(QUERIED)) > 1


def test_a_table_that_is_not_granted_is_refused_without_retries(provider, spark):
    answer = spark.ask(path=f"{provider.profile}#spark.spark.absent")
    assert "RESOURCE_DOES_NOT_EXIST" in answer["error"]


@needs_golden
@FORMATS
def test_reads_the_golden_tables_equal_to_what_spark_wrote(golden_server, spark, golden_read, response_format):
    """Delta format reads all of them; parquet format those that need no reader feature, and the others are refused."""
    wrong = []
    for table in golden_tables():
        if not table.expected_dir:
            continue
        answer = spark.ask(
            path=f"{golden_server.profile}#spark.spark.{table.name.replace('-', '_')}",
            options={"responseFormat": response_format},
            expected=str(table.expected_dir),
            conf={"spark.sql.session.timeZone": SESSION_ZONES.get(table.name, "UTC")},
        )
        refused = response_format == "parquet" and "UNSUPPORTED_TABLE_FEATURE" in (answer["error"] or "")
        if not (answer["equal"] or refused):
            wrong.append((table.name, answer["error"]))
        elif not refused:
            golden_read(table.name)
    assert not wrong
