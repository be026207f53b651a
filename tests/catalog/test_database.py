"""Opening the database, and what its trouble looks like."""

import sqlite3

import pytest

from lakeshare.catalog import engine as engines
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.sql import SqlCatalogStore
from lakeshare.errors import InvalidValue, Unavailable


@pytest.fixture
def file(engine, tmp_path):
    """A migrated database, closed."""
    engine.dispose()
    return tmp_path / "lakeshare.db"


@pytest.fixture
def impatient(file, monkeypatch):
    """A store that waits 50 ms for a lock, not 5 s."""
    monkeypatch.setattr(engines, "SQLITE_BUSY_MS", 50)
    engine = open_engine(f"sqlite:///{file}")
    yield SqlCatalogStore(engine)
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["postgresql://admin:hunter2@db/x", "sqlite://", "sqlite:///:memory:", "mysql:///x", "lakeshare.db", ""]
)
def test_a_database_that_is_not_served_is_refused_without_its_password(url):
    with pytest.raises(InvalidValue, match="Write sqlite:///PATH") as caught:
        open_engine(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(("pragma", "value"), [("foreign_keys", 1), ("synchronous", 2), ("journal_mode", "wal")])
def test_sqlite_is_set_up_to_keep_what_it_acknowledged(file, pragma, value):
    engine = open_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
    engine.dispose()


async def test_reads_go_on_while_another_process_writes(file, impatient):
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE state SET public_url = 'https://other.example'")
    assert await impatient.public_url() is None
    other.execute("COMMIT")
    assert await impatient.public_url() == "https://other.example"
    other.close()


async def test_a_locked_database_is_unavailable_to_writers(file, impatient, make):
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as caught:
        await impatient.create_share(make.share("s"))
    assert str(caught.value) == "The catalog's database does not answer. Try again in a moment."
    assert caught.value.detail == "SQLITE_BUSY: database is locked"
    other.close()
    await impatient.create_share(make.share("s"))


async def test_a_read_only_database_is_unavailable_to_writers(file, make):
    engine = open_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    store = SqlCatalogStore(engine)
    assert await store.shares() == []
    with pytest.raises(Unavailable) as caught:
        await store.create_share(make.share("s"))
    assert caught.value.detail == "SQLITE_READONLY: attempt to write a readonly database"
    engine.dispose()


async def test_a_corrupt_database_is_unavailable_and_the_message_names_no_path(file, tmp_path, make):
    file.write_bytes(b"this is no database " * 1_000)
    engine = open_engine(f"sqlite:///{file}")
    store = SqlCatalogStore(engine)
    for use in (store.revision, store.tables, lambda: store.create_share(make.share("s"))):
        with pytest.raises(Unavailable) as caught:
            await use()
        assert str(caught.value) == "The catalog's database does not answer. Try again in a moment."
        assert "SQLITE_NOTADB" in caught.value.detail
    with pytest.raises(Unavailable):
        migrate(engine, tmp_path)
    engine.dispose()


async def test_a_database_that_is_gone_is_unavailable(file, make):
    file.rename(file.with_suffix(".moved"))
    file.mkdir()
    engine = open_engine(f"sqlite:///{file}")
    store = SqlCatalogStore(engine)
    for use in (store.revision, store.tables, lambda: store.create_share(make.share("s"))):
        with pytest.raises(Unavailable) as caught:
            await use()
        assert "SQLITE_CANTOPEN" in caught.value.detail
    engine.dispose()


async def test_a_database_without_tables_is_unavailable(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(Unavailable) as caught:
        await SqlCatalogStore(engine).revision()
    assert caught.value.detail == "SQLITE_ERROR: no such table: state"
    engine.dispose()
