"""Runs work in a transaction: on which thread, who waits for whom, and what trouble is called."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    TimeoutError as PoolTimeoutError,
)

from lakeshare.catalog.engine import WRITES, reads_are_quick
from lakeshare.catalog.schema import state
from lakeshare.errors import InvalidValue, Unavailable

T = TypeVar("T")
Work = Callable[[Connection], T]


class Database:
    """The work is a plain function over a connection inside a transaction. Raises what the work raises,
    InvalidValue for text that no database can hold, and Unavailable where the database does not do its part."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._inline = reads_are_quick(engine)

    async def point_read(self, work: Work[T]) -> T:
        """For a few rows found by an index: on this thread where that is cheaper than another."""
        return self._read(work) if self._inline else await asyncio.to_thread(self._read, work)

    async def read(self, work: Work[T]) -> T:
        """For a read whose size an admin decides: on another thread."""
        return await asyncio.to_thread(self._read, work)

    async def write(self, work: Work[T]) -> T:
        """For a change: alone among the writers, on another thread. Bumps the revision in the same transaction,
        unless the work gives False, which means that nothing changed."""
        return await asyncio.to_thread(self._write, work)

    async def write_uncached(self, work: Work[T]) -> T:
        """For a change to what no worker keeps in memory: on another thread. Does not bump the revision, and does not
        wait for other writers where the database serves several at once."""
        return await asyncio.to_thread(self._write_uncached, work)

    def _read(self, work: Work[T]) -> T:
        with translated_errors(), self._engine.connect() as connection:
            return work(connection)

    def _write(self, work: Work[T]) -> T:
        with self._transaction() as connection:
            # SQLite has its lock since BEGIN; a server's writers queue here.
            connection.execute(select(state.c.revision).with_for_update())
            result = work(connection)
            if result is not False:
                connection.execute(update(state).values(revision=state.c.revision + 1))
            return result

    def _write_uncached(self, work: Work[T]) -> T:
        with self._transaction() as connection:
            return work(connection)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated_errors(), self._engine.execution_options(**{WRITES: True}).begin() as connection:
            yield connection


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the database's trouble into Unavailable; mistakes in a statement stay what they are."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise InvalidValue(f"{error.object!r} is not valid Unicode.", hint="Write it in UTF-8.") from error
    except (IntegrityError, ProgrammingError, DataError, NotSupportedError):
        raise
    except (DBAPIError, PoolTimeoutError) as error:
        raise Unavailable(
            "The catalog's database does not answer.", hint="Try again in a moment.", detail=_detail(error)
        ) from error


def _detail(error: DBAPIError | PoolTimeoutError) -> str:
    """The driver's own words, without the statement."""
    cause = getattr(error, "orig", None) or error
    return f"{getattr(cause, 'sqlite_errorname', type(cause).__name__)}: {cause}"
