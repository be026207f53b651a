"""Runs in `.venv-spark`: one Spark session that reads what it is asked to, until its input ends.

Usage: session.py JARS_DIRECTORY. Each line of input is a request, each line of output that starts with `{` its answer.

A request: {"format", "path", "options", "where", "limit", "conf", "slow", "expected", "stream"}, all but the first two
optional; or {"sql", "conf"}, statements of which the last one's rows are the answer. `conf` holds for this request
alone. `slow` is a number of milliseconds to wait at each row. `expected` is a directory of parquet files to compare the
rows with. `stream` is {"checkpoint", "output"}: read all that is available as a stream into parquet files, and answer
what these hold.
An answer: {"rows", "equal", "batches", "error"}: the rows as sorted reprs, in a form that does not tell how they were
stored; with `expected` only their number.
"""

import datetime as dt
import decimal
import json
import sys
from pathlib import Path

from pyspark.sql import DataFrame, Row, SparkSession

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.memory": "1g",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.sql.sources.parallelPartitionDiscovery.parallelism": "2",
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.delta.sharing.network.numRetries": "1",
    # The tests' URLs live for seconds, so the connector must look for those that end within seconds.
    "spark.delta.sharing.driver.refreshCheckIntervalMs": "500",
    "spark.delta.sharing.driver.refreshThresholdMs": "6000",
    "spark.delta.sharing.executor.refreshThresholdMs": "5000",
}


def main(jars: str) -> None:
    spark = start(jars)
    print(json.dumps({"started": spark.version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        for name, value in request.get("conf", {}).items():
            spark.conf.set(name, value)
        try:
            answer = serve(spark, request)
        except Exception as error:  # noqa: BLE001  whatever it is, it is the answer
            answer = {"error": f"{type(error).__name__}: {error}"[:4000]}
        for name in request.get("conf", {}):
            spark.conf.unset(name)
        print(json.dumps({"rows": None, "equal": None, "batches": None, "error": None} | answer), flush=True)


def start(jars: str) -> SparkSession:
    builder = SparkSession.builder.master("local[2]")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.config("spark.jars", ",".join(map(str, sorted(Path(jars).glob("*.jar"))))).getOrCreate()


def serve(spark: SparkSession, request: dict) -> dict:
    if request.get("sql"):
        return {"rows": [rows_of(spark.sql(statement)) for statement in request["sql"]][-1]}
    if request.get("stream"):
        return drain(spark, request)
    frame = spark.read.format(request["format"]).options(**request.get("options", {})).load(request["path"])
    if request.get("where"):
        frame = frame.where(request["where"])
    if request.get("limit") is not None:
        frame = frame.limit(request["limit"])
    rows = rows_of(frame, request.get("slow", 0))
    if not request.get("expected"):
        return {"rows": rows}
    expected = spark.read.parquet(request["expected"])
    if frame.columns != expected.columns:
        return {"equal": False, "error": f"columns {frame.columns}, expected {expected.columns}"}
    wanted = rows_of(expected)
    if rows == wanted:
        return {"rows": len(rows), "equal": True}
    first = next((pair for pair in zip(rows, wanted, strict=False) if pair[0] != pair[1]), None)
    return {"rows": len(rows), "equal": False, "error": f"{len(wanted)} rows expected; first difference {first}"[:2000]}


def drain(spark: SparkSession, request: dict) -> dict:
    """All that the stream has now, after what its checkpoint has seen; `batches` counts those that brought rows."""
    place = request["stream"]
    frame = spark.readStream.format(request["format"]).options(**request.get("options", {})).load(request["path"])
    written = frame.writeStream.format("parquet").option("checkpointLocation", place["checkpoint"])
    query = written.trigger(availableNow=True).start(place["output"])
    try:
        query.awaitTermination()
    finally:
        query.stop()
    batches = sum(progress.numInputRows > 0 for progress in query.recentProgress)
    return {"rows": rows_of(spark.read.schema(frame.schema).parquet(place["output"])), "batches": batches}


def rows_of(frame: DataFrame, slow_ms: int = 0) -> list[str]:
    width = len(frame.columns)
    if slow_ms:
        frame = frame.selectExpr("*", f"java_method('java.lang.Thread', 'sleep', {slow_ms}L)")
    return sorted(repr(tuple(canonical(value) for value in row[:width])) for row in frame.collect())


def canonical(value: object) -> object:
    if isinstance(value, Row):
        return {name: canonical(item) for name, item in value.asDict().items()}
    if isinstance(value, dict):
        return sorted((repr(canonical(key)), canonical(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return value


if __name__ == "__main__":
    main(sys.argv[1])
