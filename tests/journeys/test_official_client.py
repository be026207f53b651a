"""The official delta-sharing client against a real server."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from golden import GoldenTable, golden_tables
from lakeshare.bootstrap import local_services
from lakeshare.demo.lakehouse import write_lakehouse
from lakeshare.errors import InvalidValue
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient_with_profile
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.services import Caller
from lakeshare.protocol.profile import encode_profile
from lakeshare.settings import load_settings
from running import running_server

HERE = Path(__file__).parent
CLIENT = HERE.parent.parent / ".venv-client" / "bin" / "python"
ADMIN = Caller("admin")


def official(requests: list[dict], place: Path) -> list[dict]:
    """What the official client says to each request."""
    assert CLIENT.exists(), "The official client's environment is not there. Run the tests with `make test`."
    file = place / "requests.json"
    file.write_text(json.dumps(requests))
    done = subprocess.run(
        [CLIENT, HERE / "official_client.py", file], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) == len(requests), done.stderr
    return answers


async def share_all(home: Path, url: str, tables: list[tuple[str, str, Path]]) -> Path:
    """Share every (share, schema.table, directory); gives the profile of a recipient who may read all that is there."""
    async with local_services(load_settings(home, url, environment={})) as services:
        for share in {share for share, *_ in tables}:
            await create_share(services, ADMIN, share, "")
        for share, name, location in tables:
            try:
                await create_table(services, ADMIN, f"lake.{name}", str(location))
            except InvalidValue:
                continue
            await add_to_share(services, ADMIN, share, f"lake.{name}")
        _, profile = await create_recipient_with_profile(services, ADMIN, "partner")
        for share in {share for share, *_ in tables}:
            await grant_share(services, ADMIN, share, "partner")
    path = home.parent / "config.share"
    path.write_bytes(encode_profile(profile))
    return path


def test_reads_the_demo_in_both_formats(tmp_path: Path):
    lakehouse = write_lakehouse(tmp_path / "lake")
    with running_server(tmp_path / "home") as server:
        tables = [(table.share, table.shared_as, table.location) for table in lakehouse.tables]
        profile = asyncio.run(share_all(server.home, server.url, tables))
        requests = []
        for share, name, location in tables:
            expected = tmp_path / "expected" / name
            write_expected(location, expected)
            requests += [
                {"url": f"{profile}#{share}.{name}", "delta": delta, "expected": str(expected)}
                for delta in (False, True, None)
            ]
        answers = official(requests, tmp_path)
    assert [answer for answer in answers if not answer["equal"]] == []
    assert max(answer["rows"] for answer in answers) == 336_776


def write_expected(location: Path, directory: Path) -> None:
    """The table's rows as one parquet file, by another reader than ours."""
    import pyarrow.parquet as pq
    from deltalake import DeltaTable

    directory.mkdir(parents=True)
    pq.write_table(DeltaTable(location).to_pyarrow_table(), directory / "rows.parquet")


LOG_ONLY_FEATURES = {"v2Checkpoint", "vacuumProtocolCheck"}
CLIENT_FEATURES = {"deletionVectors", "columnMapping", "timestampNtz"}
"""What the official client offers to read, in delta format."""

SESSION_ZONES = {"data-reader-partition-values": "America/Los_Angeles"}
"""A partition value's timestamp has no zone, and is UTC to every client; Spark wrote these rows in another one."""

WITHOUT_DATA_FILES = {"delete-re-add-same-file-different-transactions", "deltalog-commit-info"}


@pytest.mark.skipif(os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables")
def test_reads_the_golden_tables_equal_to_what_spark_wrote(tmp_path: Path, golden_read):
    tables = golden_tables()
    names = {table.name: "g." + table.name.replace("-", "_") for table in tables}
    with running_server(tmp_path / "home") as server:
        shared = [("golden", names[table.name], table.table_dir) for table in tables]
        profile = asyncio.run(share_all(server.home, server.url, shared))
        asked = [(table, delta) for table in tables for delta in (False, True)]
        requests = [
            {
                "url": f"{profile}#golden.{names[table.name]}",
                "delta": delta,
                "expected": str(table.expected_dir) if table.expected_dir else None,
                "zone": SESSION_ZONES.get(table.name),
            }
            for table, delta in asked
        ]
        answers = official(requests, tmp_path)
    wrong = [
        (table.name, delta, answer)
        for (table, delta), answer in zip(asked, answers, strict=True)
        if not is_right(table, delta, answer)
    ]
    assert not wrong
    for table in tables:
        if table.expected_dir and not reader_features(table) - CLIENT_FEATURES and not table.is_broken:
            golden_read(table.name)


def is_right(table: GoldenTable, delta: bool, answer: dict) -> bool:
    error = answer["error"] or ""
    if table.is_broken:
        return "TABLE_UNREADABLE" in error or "RESOURCE_DOES_NOT_EXIST" in error
    if "UNSUPPORTED_TABLE_FEATURE" in error:
        # Parquet format may serve a table that lists a feature and does not use it, but never gives wrong rows.
        return bool(reader_features(table) - (CLIENT_FEATURES if delta else set()))
    if table.expected_dir:
        return answer["equal"] is True
    return not error or (table.name in WITHOUT_DATA_FILES and "errorCode" not in error)


def reader_features(table: GoldenTable) -> set[str]:
    """The reader features that the log names, but for those that concern the log alone; read the plain way."""
    features: set[str] = set()
    for protocol in protocols(table.table_dir / "_delta_log"):
        features |= set(protocol.get("readerFeatures") or ())
        features |= {"columnMapping"} if protocol.get("minReaderVersion") == 2 else set()
    return features - LOG_ONLY_FEATURES


def protocols(log: Path) -> Iterator[dict]:
    for commit in log.glob("*.json"):
        lines = [json.loads(line) for line in commit.read_text().splitlines() if line.strip()]
        yield from (line["protocol"] for line in lines if "protocol" in line)
    for checkpoint in log.glob("*.checkpoint*.parquet"):
        if "protocol" in pl.read_parquet_schema(checkpoint):
            yield from pl.read_parquet(checkpoint, columns=["protocol"])["protocol"].drop_nulls()
