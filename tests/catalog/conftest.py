import itertools
import select
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.model import Recipient, RecipientToken, Share, SharedTable, Table
from lakeshare.catalog.sql import SqlCatalogStore


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of every kind that is served."""
    return {"sqlite": f"sqlite:///{tmp_path}/lakeshare.db"}[request.param]


@pytest.fixture
def engine(database_url: str, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(database_url)
    migrate(engine, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> SqlCatalogStore:
    return SqlCatalogStore(engine)


class Maker:
    """Things with ids, and times that grow from 1,000 in steps of 1."""

    def __init__(self) -> None:
        self._times = itertools.count(1_000)

    def table(self, full_name: str, **values) -> Table:
        catalog, schema, name = full_name.split(".")
        values = {"location": f"file:///data/{name}", "also": (), "format": "delta"} | values
        return Table(id=_id(), catalog=catalog, schema=schema, name=name, created_at=next(self._times), **values)

    def share(self, name: str, comment: str = "") -> Share:
        return Share(_id(), name, comment, next(self._times))

    def shared(self, share: Share, table: Table, name: str | None = None, *, history: bool = False) -> SharedTable:
        schema, alias = (name or f"{table.schema}.{table.name}").split(".")
        return SharedTable(share.id, share.name, schema, alias, table, history, next(self._times))

    def recipient(self, name: str) -> Recipient:
        return Recipient(_id(), name, next(self._times))

    def token(self, recipient: Recipient, **values) -> RecipientToken:
        values = {"issue": 1, "link_expires_at": 1_000_000} | values
        return RecipientToken(id=_id(), recipient_id=recipient.id, created_at=next(self._times), **values)


@pytest.fixture
def make() -> Maker:
    return Maker()


def _id() -> str:
    return str(uuid.uuid4())


class AnotherProcess:
    """A process that runs `another_process.py`, held until `go`."""

    def __init__(self, action: str, home: Path, *arguments: str) -> None:
        script = Path(__file__).with_name("another_process.py")
        self._process = subprocess.Popen(
            [sys.executable, script, action, str(home), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        line = self.read_line()
        assert line == "ready", line or self._process.communicate()[1]

    def go(self) -> None:
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def says_something_within(self, seconds: float) -> bool:
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def read_line(self) -> str:
        return self._process.stdout.readline().rstrip("\n")

    def finish(self) -> list[str]:
        """What it still said. Fails where it failed."""
        out, errors = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, errors
        return out.splitlines()

    def kill(self) -> list[str]:
        """End it as a crash would. What it still said."""
        self._process.kill()
        return self._process.communicate(timeout=60)[0].splitlines()


@pytest.fixture
def another_process(tmp_path: Path) -> Iterator[Callable[..., AnotherProcess]]:
    """Starts processes that work in `tmp_path`; none outlives the test."""
    started: list[AnotherProcess] = []

    def start(action: str, *arguments: str) -> AnotherProcess:
        started.append(AnotherProcess(action, tmp_path, *arguments))
        return started[-1]

    yield start
    for process in started:
        process.kill()
