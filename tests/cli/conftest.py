import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from lakeshare.cli import app


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str

    def document(self) -> Any:
        return json.loads(self.stdout)

    def link(self) -> str:
        return re.search(r"http\S+/activate/\S+", self.stdout)[0]


Lakeshare = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Lakeshare:
    """Runs a command line, given as one argument a word; fails where its exit code is another than expected."""
    monkeypatch.setenv("LAKESHARE_HOME", str(home))
    monkeypatch.delenv("LAKESHARE_PUBLIC_URL", raising=False)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("NO_COLOR", "1")

    def run(*words: str, expect: int = 0) -> Ran:
        result = CliRunner().invoke(app, list(words))
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == expect, result.output
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real Delta table of six rows, partitioned by region."""
    path = tmp_path_factory.mktemp("lakehouse") / "sales"
    rows = pa.table({"id": [1, 2, 3, 4, 5, 6], "amount": [1.5] * 6, "region": ["north", "south"] * 3})
    write_deltalake(str(path), rows, partition_by=["region"])
    return path


@pytest.fixture
def shared(run: Lakeshare, sales: Path) -> None:
    """Table acme.retail.sales in share retail, granted to partner_co."""
    run("table", "create", "acme.retail.sales", "--location", str(sales))
    run("share", "create", "retail", "--comment", "For partners")
    run("share", "add", "retail", "acme.retail.sales")
    run("recipient", "create", "partner_co")
    run("grant", "retail", "--to", "partner_co")
