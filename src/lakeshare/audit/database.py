"""The audit tables, as the catalog's migrations make them. `sequence` numbers events in the order of their arrival."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

metadata = MetaData()

audit_events = Table(
    "audit_events",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("event_time", BigInteger, nullable=False),  # epoch milliseconds
    Column("action_name", Text, nullable=False),
    Column("user_email", Text, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("event", Text, nullable=False),  # the whole event, JSON
    sqlite_autoincrement=True,
)

audit_spool = Table(
    "audit_spool",
    metadata,
    Column("file", Text, primary_key=True),  # what `replay` tells spool files by: it survives a rename
    Column("position", BigInteger, nullable=False),  # bytes that are in `audit_events`
)
