"""The sharing connector reads tables with newer features as Spark reads them itself, or hears which one it lacks."""

import pytest

from spark.features import FEATURES

NO_SKIPPING = {"spark.databricks.delta.stats.skipping": "false"}
"""It is our pruning that is tried, not that of Delta's library behind the connector. Where a table has deletion
vectors the library refuses to go without its own: "Cannot work with a non-pinned table snapshot"."""

REFUSED_IN_PARQUET = {
    "widened": "s timestampNtz, typeWidening",
    "widened_partitions": "s timestampNtz, typeWidening",
    "variant": " variantType",
    "variant_preview": " variantType-preview",
    "shredded": "s variantShredding-preview, variantType",
    "all_at_once": "s columnMapping, deletionVectors, typeWidening",
}


@pytest.mark.parametrize("name", [name for name in FEATURES if name != "shredded"])
def test_the_connector_reads_a_table_as_spark_does(feature_server, spark, name):
    path = f"{feature_server.profile}#spark.spark.{name}"
    direct = spark.read(str(feature_server.lake / name), format="delta")
    assert spark.read(path, options={"responseFormat": "delta"}) == direct


@pytest.mark.parametrize(
    ("name", "versions"), [("late_times", (0, 1, 2, 3)), ("all_at_once", (1, 2, 5, 6, 8)), ("widened", (2, 3))]
)
def test_the_connector_travels_as_spark_does(feature_server, spark, name, versions):
    path = f"{feature_server.profile}#spark.spark.{name}"
    for version in versions:
        options = {"versionAsOf": str(version)}
        direct = spark.read(str(feature_server.lake / name), format="delta", options=options)
        assert spark.read(path, options=options | {"responseFormat": "delta"}) == direct, version


@pytest.mark.parametrize("name", FEATURES)
def test_in_parquet_format_a_table_reads_the_same_or_is_refused_by_its_features(feature_server, spark, name):
    answer = spark.ask(path=f"{feature_server.profile}#spark.spark.{name}", options={"responseFormat": "parquet"})
    if name in REFUSED_IN_PARQUET:
        assert f"needs the reader feature{REFUSED_IN_PARQUET[name]}, which the client did not offer" in answer["error"]
    else:
        assert answer["rows"] == spark.read(str(feature_server.lake / name), format="delta")


def test_a_feature_that_the_connector_does_not_offer_is_named(feature_server, spark):
    answer = spark.ask(path=f"{feature_server.profile}#spark.spark.shredded", options={"responseFormat": "delta"})
    assert "needs the reader feature variantShredding-preview, which the client did not offer" in answer["error"]


@pytest.mark.parametrize(
    ("name", "where", "count"),
    [
        ("widened", "i = 1", 2),
        ("widened", "i = 5000000000", 1),
        ("widened", "i is null", 1),
        ("widened", "f = CAST(0.1F AS DOUBLE)", 2),
        ("widened", "f = 0.1D", 1),
        ("widened", "f > 0.1D and f < 0.2D", 2),
        ("widened", "s.f = CAST(0.1F AS DOUBLE)", 2),
        ("widened", "d = TIMESTAMP_NTZ'2020-01-01 00:00:00'", 2),
        ("widened", "d > TIMESTAMP_NTZ'2020-01-01 00:00:00'", 1),
        ("widened", "d = DATE'1969-12-31'", 1),
        ("widened", "m = 99.99", 1),
        ("widened", "m >= 123456.7891", 1),
        ("widened", "b <= 1", 3),
        ("widened", "s.x >= 2", 2),
        ("widened_partitions", "i = 7", 1),
        ("widened_partitions", "i > 7", 1),
        ("widened_partitions", "f = 0.1D", 2),
        ("widened_partitions", "d = DATE'2020-01-01'", 1),
        ("widened_partitions", "d > DATE'2020-01-01'", 1),
        ("widened_partitions", "m = 1.25", 1),
        ("widened_partitions", "m is null", 1),
        ("all_at_once", "id = 5000000000", 1),
        ("all_at_once", "id = 7", 0),
        ("all_at_once", "part = 1 and id < 10", 3),
        ("all_at_once", "new = 'n5'", 1),
        ("all_at_once", "gone = 'back'", 1),
        ("tracked", "_metadata.row_id = 0", 1),
        ("tracked", "_metadata.row_commit_version = 2 and id = 20", 1),
    ],
)
def test_filters_lose_no_row(feature_server, spark, name, where, count):
    path = f"{feature_server.profile}#spark.spark.{name}"
    conf = {} if name == "all_at_once" else NO_SKIPPING
    rows = spark.read(path, options={"responseFormat": "delta"}, where=where, conf=conf)
    assert len(rows) == count
    assert rows == spark.read(str(feature_server.lake / name), format="delta", where=where, conf=conf)
