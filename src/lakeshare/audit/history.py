"""Reads the audit events that were replayed into the database."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import Engine, Select, select
from sqlalchemy.exc import SQLAlchemyError

from lakeshare.audit.database import audit_events
from lakeshare.audit.events import AuditEvent
from lakeshare.errors import Unavailable


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Events in the order of their time, and the position to follow from. Positions count arrivals, not times:
    several spools are replayed side by side, and a follower must miss none and repeat none."""

    events: tuple[AuditEvent, ...]
    position: int


def recent_events(engine: Engine, limit: int) -> AuditPage:
    """The `limit` events that arrived last, the newest at the end. Raises Unavailable."""
    arrivals = select(audit_events.c.sequence, audit_events.c.event).order_by(audit_events.c.sequence.desc())
    return _page(engine, arrivals.limit(limit), position=0)


def events_after(engine: Engine, position: int, limit: int) -> AuditPage:
    """The first `limit` events that arrived after this position, the newest at the end. Raises Unavailable."""
    arrivals = select(audit_events.c.sequence, audit_events.c.event).order_by(audit_events.c.sequence)
    return _page(engine, arrivals.where(audit_events.c.sequence > position).limit(limit), position)


def _page(engine: Engine, query: Select[int, str], position: int) -> AuditPage:
    try:
        with engine.connect() as connection:
            rows = sorted(connection.execute(query).all())
    except SQLAlchemyError as error:
        raise Unavailable("The audit events cannot be read.", hint="Try again later.", detail=str(error)) from error
    events = sorted((_decode(event) for _, event in rows), key=lambda event: event.event_time)
    return AuditPage(tuple(events), position=rows[-1][0] if rows else position)


def _decode(event: str) -> AuditEvent:
    return msgspec.json.decode(event, type=AuditEvent)
