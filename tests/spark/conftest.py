"""A provider whose tables Spark reads, and the Spark session that reads them.

`make test-spark` says by LAKESHARE_SPARK which jars are there: `connector`, or `delta` for Delta's own library alone.
Without it nothing is collected here.
"""

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from golden import golden_tables
from lakeshare.bootstrap import local_services
from lakeshare.errors import InvalidValue
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient_with_profile
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.services import Caller
from lakeshare.protocol.profile import encode_profile
from lakeshare.settings import load_settings
from running import RunningServer, running_server
from spark.features import FEATURES

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".venv-spark" / "bin" / "python"
ADMIN = Caller("admin")

TESTS = {
    "delta": {"test_delta_library.py", "test_features.py"},
    "connector": {path.name for path in HERE.glob("test_*.py")},
}
JARS = os.environ.get("LAKESHARE_SPARK")
collect_ignore = sorted(TESTS["connector"] - TESTS.get(JARS or "", set()))


@dataclass
class Spark:
    """A Spark session in a process of its own. `errors` is where it logs."""

    process: subprocess.Popen[str]
    errors: Path

    def read(self, path: str, **request) -> list[str]:
        """The rows (see session.py); fails where Spark does."""
        answer = self.ask(path=path, **request)
        assert answer["error"] is None, answer["error"]
        return answer["rows"]

    def run(self, *statements: str, **conf: str) -> list[str]:
        """The rows of the last SQL statement; fails where Spark does."""
        answer = self.ask(sql=statements, conf=conf)
        assert answer["error"] is None, answer["error"]
        return answer["rows"]

    def ask(self, **request) -> dict:
        """Spark's whole answer to a request of session.py, by default to the sharing connector."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"format": "deltaSharing"} | request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        raise AssertionError(f"Spark ended:\n{self.errors.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    jars = ROOT / ".spark-jars" / (JARS or "")
    wanted = "delta-sharing-spark" if JARS == "connector" else "delta-spark"
    assert list(jars.glob(f"{wanted}_*.jar")), f"There is no {wanted} in {jars}. Run the tests by make."
    place = tmp_path_factory.mktemp("spark")
    errors = place / "spark.log"
    command = [PYTHON, HERE / "session.py", jars]
    environment = os.environ | {"PYSPARK_PYTHON": str(PYTHON), "SPARK_LOCAL_IP": "127.0.0.1"}
    with errors.open("w") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, cwd=place, env=environment
        )
    session = Spark(process, errors)
    assert session.answer()["started"]
    yield session
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


@dataclass
class Provider:
    """A served home. `lake` is where tests write tables."""

    server: RunningServer
    lake: Path
    profile: Path

    def share(self, name: str, location: Path, *, history: bool = False) -> str:
        """Share a table as `spark.{name}` (SCHEMA.NAME); gives the path that Spark reads it by."""
        asyncio.run(self._share(name, location, history=history))
        return f"{self.profile}#spark.{name}"

    async def _share(self, name: str, location: Path, *, history: bool) -> None:
        async with local_services(load_settings(self.server.home, self.server.url, environment={})) as services:
            await create_table(services, ADMIN, f"lake.{name}", str(location))
            await add_to_share(services, ADMIN, "spark", f"lake.{name}", history=history)

    def share_readable(self, name: str, location: Path) -> str | None:
        """`share`, or nothing where the table is one that the provider itself refuses."""
        try:
            return self.share(name, location)
        except InvalidValue:
            return None

    def audited(self, action: str) -> list[dict]:
        """The audit events of an action, oldest first."""
        lines = [
            line for file in (self.server.home / "audit").glob("*.jsonl") for line in file.read_text().splitlines()
        ]
        events = [json.loads(line) for line in lines]
        return [event for event in events if event["action_name"] == action]


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Provider]:
    yield from serve(tmp_path)


@pytest.fixture
def impatient_provider(tmp_path: Path) -> Iterator[Provider]:
    """Its URLs live for twelve seconds."""
    yield from serve(tmp_path, LAKESHARE_URL_SECONDS="12")


def serve(place: Path, **environment: str) -> Iterator[Provider]:
    with running_server(place / "home", **environment) as server:
        profile = place / "config.share"
        profile.write_bytes(asyncio.run(invite(server)))
        (place / "lake").mkdir()
        yield Provider(server, place / "lake", profile)


async def invite(server: RunningServer) -> bytes:
    """The profile of a recipient of the share `spark`."""
    async with local_services(load_settings(server.home, server.url, environment={})) as services:
        await create_share(services, ADMIN, "spark", "")
        _, profile = await create_recipient_with_profile(services, ADMIN, "analyst")
        await grant_share(services, ADMIN, "spark", "analyst")
        return encode_profile(profile)


@pytest.fixture(scope="session")
def golden_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """All golden tables that a provider can register, shared without history."""
    for provider in serve(tmp_path_factory.mktemp("golden")):
        for table in golden_tables():
            provider.share_readable(f"spark.{table.name.replace('-', '_')}", table.table_dir)
        yield provider


@pytest.fixture(scope="session")
def feature_server(spark: Spark, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    """The tables of features.py, written by Spark and shared with their history."""
    for provider in serve(tmp_path_factory.mktemp("features")):
        for name, statements in FEATURES.items():
            location = provider.lake / name
            spark.run(*(statement.replace("$table", f"delta.`{location}`") for statement in statements))
            provider.share(f"spark.{name}", location, history=True)
        yield provider
