"""Opens the database. What only SQLite needs is here, and nowhere else."""

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from lakeshare.errors import InvalidValue

SQLITE_BUSY_MS = 5_000
WRITES = "lakeshare_writes"
"""The execution option of a transaction that will write."""


def open_engine(url: str) -> Engine:
    """The engine of a database URL, `sqlite:///PATH`. Nothing is opened before its first use.

    Raises InvalidValue where the URL is not served; its password is not repeated.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidValue("The database URL cannot be read.", hint="Write sqlite:///PATH.") from error
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise InvalidValue(
            f"No database of the kind {parsed.drivername!r} is served.", hint="Write sqlite:///PATH, with a file."
        )
    # Threads are bounded by asyncio's executor. A bound here would let waiting writers block the event loop's reads.
    engine = create_engine(parsed, max_overflow=-1, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def reads_are_quick(engine: Engine) -> bool:
    """Whether a point read is cheaper than a change of thread: yes for a local file, no for a server."""
    return engine.dialect.name == "sqlite"


def writes_ahead(connection: Connection) -> bool:
    """Whether readers and the writer can work at once: always, but for an SQLite file that was not set up yet."""
    return connection.dialect.name != "sqlite" or connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def write_ahead(engine: Engine) -> None:
    """Turn SQLite's write-ahead log on; the file remembers it.

    Call it under the migration lock: processes that do this to one file at once get "database is locked" whatever
    the busy timeout is.
    """
    with engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")  # the one that `_begin_sqlite` began: a transaction cannot change the log
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")


def _set_up_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    # The driver's own BEGIN comes too late: not before DDL, nor before the first read. `_begin_sqlite` sends ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    # With a write-ahead log NORMAL already survives a crash of the process, but a power cut may undo the last commits.
    # An acknowledged revoke must not come back to life, and admin changes are rare: pay the fsync.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes fails at once where another wrote in between: take the lock first.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
