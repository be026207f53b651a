"""`migrate`: one process at a time, and at once where there is nothing to do."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, column, inspect, select, table

from lakeshare.catalog.database import translated_errors
from lakeshare.catalog.engine import WRITES, write_ahead, writes_ahead
from lakeshare.errors import InvalidValue, Unavailable

DIRECTORY = Path(__file__).parent
REVISIONS = tuple(sorted(path.name.partition("_")[0] for path in (DIRECTORY / "versions").glob("[0-9]*.py")))
"""Every revision that this Lakeshare knows, oldest first: a file's name begins with its revision."""

VERSION_TABLE = "alembic_version"


def migrate(engine: Engine, lock_dir: Path) -> None:
    """Make or upgrade the database's tables, all or nothing. Safe to call from many processes at once.

    `lock_dir` exists and is shared by all who open the database. Raises InvalidValue where a newer Lakeshare
    made the database, and Unavailable where the database or the lock does not answer.
    """
    with translated_errors():
        if _is_ready(engine):
            return
        with _locked(lock_dir):
            write_ahead(engine)
            if not _is_ready(engine):
                _upgrade(engine)


def _is_ready(engine: Engine) -> bool:
    with engine.connect() as connection:
        return _stored_revision(connection) == REVISIONS[-1] and writes_ahead(connection)


def _stored_revision(connection: Connection) -> str | None:
    """None where the database is empty. Raises InvalidValue where its revision is not one of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    stored: str | None = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if stored is not None and stored not in REVISIONS:
        raise InvalidValue(
            f"A newer Lakeshare made this database: it has revision {stored}, and this one knows {REVISIONS[-1]}.",
            hint="Upgrade Lakeshare, or point it to another home.",
        )
    return stored


@contextmanager
def _locked(lock_dir: Path) -> Iterator[None]:
    """Hold the migration lock. A file serves processes of one machine, as SQLite does; a database server's replicas
    will take the server's own lock here (pg_advisory_lock)."""
    path = lock_dir / "migrate.lock"
    try:
        file = path.open("ab")
    except OSError as error:
        raise Unavailable("The migration lock cannot be taken.", detail=f"{path}: {error}") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _upgrade(engine: Engine) -> None:
    # Alembic takes longer to import than most commands take to run.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(DIRECTORY).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(**{WRITES: True}).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
