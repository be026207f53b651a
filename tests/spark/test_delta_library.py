"""Delta's own library on Spark takes what we serve in delta format. The sharing connector has no part in this.

The connector hands the served actions to this library as a log. Here a test does so (copies.py).
"""

import os

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from golden import golden_tables
from spark.copies import copy_of

SESSION_ZONES = {"data-reader-partition-values": "America/Los_Angeles"}
"""A partition value's timestamp has no zone. Spark wrote these rows in another one than UTC."""

needs_golden = pytest.mark.skipif(
    os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables"
)


def test_spark_reads_special_partition_values_as_they_were_written(provider, spark, tmp_path):
    regions = ["Île de France", "a=b/c", "50%", "x#y?z", " ", "plain", None]
    rows = pa.table(
        {"id": range(7), "region": pa.array(regions, pa.string()), "n": pa.array([1, None] * 3 + [2], pa.int32())}
    )
    write_deltalake(provider.lake / "regions", rows, partition_by=["region", "n"])
    provider.share("spark.regions", provider.lake / "regions")
    copied = copy_of(provider.profile, "regions", tmp_path / "copy")
    found = spark.read(str(copied), format="delta")
    assert found == sorted(repr(tuple(row.values())) for row in rows.to_pylist())


def test_the_check_can_fail(provider, spark, tmp_path):
    write_deltalake(provider.lake / "t", pa.table({"id": [1, 2, 3]}))
    provider.share("spark.t", provider.lake / "t")
    copied = copy_of(provider.profile, "t", tmp_path / "copy")
    log = copied / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace('"schemaString"', '"schemaText"'))
    assert spark.ask(path=str(copied), format="delta")["error"]


@needs_golden
@pytest.mark.parametrize(
    "table", [pytest.param(table, id=table.name) for table in golden_tables() if table.expected_dir]
)
def test_spark_reads_a_golden_table_equal_to_what_spark_wrote(golden_server, spark, tmp_path, table, golden_read):
    name = table.name.replace("-", "_")
    copied = copy_of(golden_server.profile, name, tmp_path / "copy")
    answer = spark.ask(
        path=str(copied),
        format="delta",
        expected=str(table.expected_dir),
        conf={"spark.sql.session.timeZone": SESSION_ZONES.get(table.name, "UTC")},
    )
    assert answer["equal"], answer["error"]
    golden_read(table.name)
