"""The official delta-sharing client against a real server."""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from golden import golden_tables
from running import RunningServer, running_server

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

HERE = Path(__file__).parent
CLIENT = HERE.parent.parent / ".venv-client" / "bin" / "python"
ADMIN = Caller("admin")


def official(requests: list[dict], place: Path) -> list[dict]:
    """What the official client says to each request."""
    assert CLIENT.exists(), "The official client's environment is not there. Run the tests with `make test`."
    file = place / "requests.json"
    file.write_text(json.dumps(requests))
    # The client retries what it should not be sent; a test would rather see the first answer.
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("official") / "home") as running:
        yield running


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


@pytest.mark.skipif(os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables")
def test_reads_the_golden_tables_equal_to_what_spark_wrote(tmp_path: Path, golden_read):
    found = [(table, "g." + table.name.replace("-", "_").replace(".", "_")) for table in golden_tables()]
    with running_server(tmp_path / "home") as server:
        tables = [("golden", name, table.table_dir) for table, name in found]
        profile = asyncio.run(share_all(server.home, server.url, tables))
        requests, asked = [], []
        for table, name in found:
            for delta in (False, True):
                asked.append((table, delta))
                expected = str(table.expected_dir) if table.expected_dir else None
                requests.append({"url": f"{profile}#golden.{name}", "delta": delta, "expected": expected})
        answers = official(requests, tmp_path)
    wrong = {}
    for (table, delta), answer in zip(asked, answers, strict=True):
        print(table.name, delta, answer)
    assert not wrong
