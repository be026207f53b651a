"""Asynchronous queries: submitted once, leased to one worker at a time, forgotten after their hour."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.schema import async_queries
from lakeshare.errors import NotFound, ResourceExhausted

COLUMNS = tuple(async_queries.c[field.name] for field in fields(AsyncQuery))
"""The fields of `AsyncQuery`."""


def submitted(
    connection: Connection, recipient_id: str, share_id: str, table_id: str, idempotency_key: str
) -> AsyncQuery | None:
    return _one(
        connection,
        async_queries.c.recipient_id == recipient_id,
        async_queries.c.share_id == share_id,
        async_queries.c.table_id == table_id,
        async_queries.c.idempotency_key == idempotency_key,
    )


def submit(connection: Connection, query: AsyncQuery, finished_before: int, pending: int, kept: int) -> AsyncQuery:
    own = async_queries.c.recipient_id == query.recipient_id
    connection.execute(delete(async_queries).where(own, async_queries.c.finished_at < finished_before))
    found = _same(connection, query)
    if found is not None:
        return found
    _refuse_too_many(connection, query.recipient_id, pending, kept)
    try:
        with connection.begin_nested():
            connection.execute(insert(async_queries), asdict(query))
    except IntegrityError as error:
        # A server lets two submissions of one key come as far as this; and what a query names may just have gone.
        found = _same(connection, query)
        if found is None:
            raise NotFound("The table is not shared with you any more.") from error
        return found
    return query


def find(connection: Connection, query_id: str) -> AsyncQuery | None:
    return _one(connection, async_queries.c.id == query_id)


def next_waiting(connection: Connection, now: int) -> str | None:
    """The id of the query whose turn it is. One that was begun before lets the others go first."""
    found: str | None = connection.execute(
        select(async_queries.c.id)
        .where(_is_free(now))
        .order_by(async_queries.c.attempts, async_queries.c.created_at)
        .limit(1)
    ).scalar()
    return found


def lease(connection: Connection, query_id: str, worker: str, now: int, until: int) -> AsyncQuery | None:
    """None where another worker was faster."""
    row = connection.execute(
        update(async_queries)
        .where(async_queries.c.id == query_id, _is_free(now))
        .values(lease_owner=worker, lease_until=until, attempts=async_queries.c.attempts + 1)
        .returning(*COLUMNS)
    ).one_or_none()
    return None if row is None else AsyncQuery(*row)


def change_leased(connection: Connection, query_id: str, worker: str, values: Mapping[str, Any]) -> bool:
    """Change the query, if the worker has its lease still."""
    changed = connection.execute(
        update(async_queries)
        .where(
            async_queries.c.id == query_id,
            async_queries.c.state == "pending",
            async_queries.c.lease_owner == worker,
        )
        .values(**values)
    )
    return changed.rowcount == 1


def has_finished(connection: Connection, before: int) -> bool:
    found = select(async_queries.c.id).where(async_queries.c.finished_at < before).limit(1)
    return connection.execute(found).scalar() is not None


def forget(connection: Connection, finished_before: int) -> int:
    return connection.execute(delete(async_queries).where(async_queries.c.finished_at < finished_before)).rowcount


def _same(connection: Connection, query: AsyncQuery) -> AsyncQuery | None:
    """What was submitted under the query's idempotency key; without one, every query is new."""
    if query.idempotency_key is None:
        return None
    return submitted(connection, query.recipient_id, query.share_id, query.table_id, query.idempotency_key)


def _one(connection: Connection, *conditions: ColumnElement[bool]) -> AsyncQuery | None:
    row = connection.execute(select(*COLUMNS).where(*conditions)).one_or_none()
    return None if row is None else AsyncQuery(*row)


def _is_free(now: int) -> ColumnElement[bool]:
    unleased = or_(async_queries.c.lease_until.is_(None), async_queries.c.lease_until <= now)
    return and_(async_queries.c.state == "pending", unleased)


def _refuse_too_many(connection: Connection, recipient_id: str, pending: int, kept: int) -> None:
    counted = connection.execute(
        select(async_queries.c.state, func.count())
        .where(async_queries.c.recipient_id == recipient_id)
        .group_by(async_queries.c.state)
    )
    counts: dict[str, int] = {state: count for state, count in counted}  # noqa: C416  rows are no pairs to mypy
    if counts.get("pending", 0) >= pending:
        raise ResourceExhausted(
            f"You have {pending} asynchronous queries that are pending.", hint="Wait until some of them are done."
        )
    if sum(counts.values()) >= kept:
        raise ResourceExhausted(
            f"You have submitted {kept} asynchronous queries within the last hour.",
            hint="Wait, or query without asyncquery=true.",
        )
