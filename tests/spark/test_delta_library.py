"""Delta's own library on Spark takes what we serve in delta format. The sharing connector has no part in this.

The connector hands the served actions to this library as a log. Here a test does so: it fetches an answer, writes its
actions as a table's only commit, beside the files that their URLs give, and lets Spark read that table.
"""

import json
import os
from pathlib import Path
from urllib.parse import quote

import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from golden import golden_tables

CAPABILITIES = "responseformat=delta;readerfeatures=deletionvectors,columnmapping,timestampntz,typewidening,variant"

SESSION_ZONES = {"data-reader-partition-values": "America/Los_Angeles"}
"""A partition value's timestamp has no zone. Spark wrote these rows in another one than UTC."""

needs_golden = pytest.mark.skipif(
    os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables"
)


def copy_of(profile: Path, table: str, place: Path) -> Path:
    """A Delta table made of a delta-format answer alone. Raises httpx.HTTPStatusError where the server refuses."""
    credential = json.loads(profile.read_text())
    headers = {"authorization": f"Bearer {credential['bearerToken']}", "delta-sharing-capabilities": CAPABILITIES}
    url = f"{credential['endpoint'].rstrip('/')}/shares/spark/schemas/spark/tables/{table}/query"
    with httpx.Client(timeout=60) as client:
        answer = client.post(url, json={}, headers=headers).raise_for_status()
        assert "responseformat=delta" in answer.headers["delta-sharing-capabilities"]
        lines = [json.loads(line) for line in answer.text.splitlines()]
        actions = [
            {"protocol": lines[0]["protocol"]["deltaProtocol"]},
            {"metaData": lines[1]["metaData"]["deltaMetadata"]},
            *(local(client, line["file"]["deltaSingleAction"], place) for line in lines[2:]),
        ]
    log = place / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    (log / f"{0:020}.json").write_text("".join(json.dumps(action) + "\n" for action in actions))
    return place


def local(client: httpx.Client, action: dict, place: Path) -> dict:
    """The action with its URLs fetched, and naming the fetched files."""
    add = action["add"]
    vector = add.get("deletionVector")
    if vector and vector["storageType"] == "p":
        add = add | {"deletionVector": vector | {"pathOrInlineDv": fetch(client, vector["pathOrInlineDv"], place)}}
    return {"add": add | {"path": fetch(client, add["path"], place)}}


def fetch(client: httpx.Client, url: str, place: Path) -> str:
    """Where the URL's bytes are now, as the URI that a log would have."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{len(list(place.iterdir())):06}.bin"
    file.write_bytes(client.get(url).raise_for_status().content)
    return quote(f"file:{file}", safe=":/")


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
