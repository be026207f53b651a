import fcntl
import random
import re
import sqlite3
import subprocess
import sys
import time

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.migrations.upgrade import DIRECTORY, REVISIONS
from lakeshare.catalog.queries import shares
from lakeshare.catalog.schema import metadata
from lakeshare.catalog.sql import SqlCatalogStore
from lakeshare.errors import InvalidValue, Unavailable

ROUNDS = 15  # a lost race is rare; that the lock is held is shown by the test after this one

OLD_ROWS = (
    "INSERT INTO catalogs VALUES ('c', 'acme', 'acme', 1)",
    "INSERT INTO schemas VALUES ('s', 'c', 'retail', 'retail', 1)",
    "INSERT INTO tables VALUES ('t', 's', 'orders', 'orders', 'file:///data/orders', '[]', 'delta', 1)",
    "INSERT INTO shares VALUES ('h', 'sales', 'sales', '', 1)",
    "INSERT INTO shared_tables VALUES ('h', 'retail', 'retail', 'orders', 'orders', 't', 1, 1)",
)
"""A shared table as revision 0001 keeps it."""


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), metadata)


def test_the_migrated_schema_is_the_schema_that_the_code_works_with(engine):
    assert differences(engine) == []


def test_on_sqlite_it_is_the_same_to_the_letter(tmp_path):
    migrated, made = (open_engine(f"sqlite:///{tmp_path}/{name}.db") for name in ("migrated", "made"))
    migrate(migrated, tmp_path)
    metadata.create_all(made)
    try:
        assert statements(migrated) == statements(made)
    finally:
        migrated.dispose()
        made.dispose()


def statements(engine: Engine) -> dict[str, list[str]]:
    """What made each table and index: the statement's parts in alphabetical order, since a column that was added
    stands behind the constraints."""
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"))
        return {name: sorted(parts(sql or "")) for name, sql in rows}


def parts(statement: str) -> list[str]:
    """`CREATE TABLE t (a INT, PRIMARY KEY (a, b))` is `CREATE TABLE t`, `a INT` and `PRIMARY KEY (a, b)`."""
    head, _, body = " ".join(statement.split()).partition(" (")
    return [head, *re.split(r", *(?![^()]*\))", body.removesuffix(")").strip())]


def test_an_older_database_keeps_what_it_holds(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/lakeshare.db")
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(DIRECTORY))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD_ROWS:
            connection.execute(text(statement))
    migrate(engine, tmp_path)
    with engine.connect() as connection:
        (shared,) = shares.tables_in_share(connection, "sales")
    assert (shared.shared_as, shared.history, shared.start_version) == ("retail.orders", True, 0)
    assert differences(engine) == []
    engine.dispose()


def test_the_files_names_are_the_revisions():
    scripts = ScriptDirectory(DIRECTORY)
    newest_first = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(newest_first)) == REVISIONS


async def test_migrating_again_changes_nothing(engine, store, tmp_path):
    await store.set_public_url("https://a.example")
    migrate(engine, tmp_path)
    assert await store.public_url() == "https://a.example"


def test_an_up_to_date_database_needs_no_alembic(engine, database_url, tmp_path):
    program = f"""
import pathlib, sys
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
migrate(open_engine({database_url!r}), pathlib.Path({str(tmp_path)!r}))
sys.exit("alembic" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_processes_that_migrate_one_fresh_file_at_once_all_succeed(another_process, tmp_path):
    process = another_process("migrate-together", "6", str(ROUNDS))
    process.wait_until_ready()
    process.go()
    assert process.finish() == ["done"]
    for number in range(ROUNDS):
        engine = open_engine(f"sqlite:///{tmp_path}/round{number}.db")
        assert differences(engine) == []
        engine.dispose()


def test_a_migration_waits_for_the_one_that_holds_the_lock(another_process, tmp_path):
    process = another_process("migrate")
    process.wait_until_ready()
    with (tmp_path / "migrate.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process.go()
        assert not process.says_something_within(seconds=1)
    assert process.finish() == ["done"]


def test_a_migration_that_was_killed_is_done_by_the_next(another_process, tmp_path):
    seconds = random.Random(2)
    for _ in range(5):
        process = another_process("migrate")
        process.wait_until_ready()
        process.go()
        time.sleep(seconds.uniform(0, 0.08))  # where in its work the kill falls is left to chance
        process.kill()
        engine = open_engine(f"sqlite:///{tmp_path}/lakeshare.db")
        migrate(engine, tmp_path)
        assert differences(engine) == []
        engine.dispose()
        for file in tmp_path.glob("lakeshare.db*"):
            file.unlink()


def test_a_database_of_a_newer_lakeshare_is_refused(engine, tmp_path):
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InvalidValue) as caught:
        migrate(engine, tmp_path)
    assert str(caught.value) == (
        f"A newer Lakeshare made this database: it has revision 9999, and this one knows {REVISIONS[-1]}."
        " Upgrade Lakeshare, or point it to another home."
    )


async def test_a_copy_that_lost_its_write_ahead_log_gets_it_back(engine, store, make, tmp_path):
    await store.create_share(make.share("s"))
    original = sqlite3.connect(tmp_path / "lakeshare.db")
    original.execute("VACUUM INTO ?", [f"{tmp_path}/copy.db"])
    original.close()
    copy = open_engine(f"sqlite:///{tmp_path}/copy.db")
    migrate(copy, tmp_path)
    with copy.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    assert [share.name for share in await SqlCatalogStore(copy).shares()] == ["s"]
    copy.dispose()


def test_a_home_that_is_not_there_is_unavailable(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/missing/lakeshare.db")
    with pytest.raises(Unavailable):
        migrate(engine, tmp_path)
    engine.dispose()


def test_a_lock_that_cannot_be_taken_is_unavailable(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/lakeshare.db")
    with pytest.raises(Unavailable, match="The migration lock cannot be taken"):
        migrate(engine, tmp_path / "missing")
    engine.dispose()
