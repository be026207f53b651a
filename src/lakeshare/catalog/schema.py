"""The database's tables.

Names stand twice: as written, and casefolded by Python (`*_key`) under the unique constraint, because databases
disagree about case. Ids are UUIDs in text; times are epoch milliseconds. A change here needs a migration in
`migrations/versions`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

state = Table(
    "state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # one row, id 1
    Column("revision", BigInteger, nullable=False),
    Column("public_url", Text),
)

catalogs = Table(
    "catalogs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

schemas = Table(
    "schemas",
    metadata,
    Column("id", Text, primary_key=True),
    Column("catalog_id", Text, ForeignKey("catalogs.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("catalog_id", "name_key"),
)

tables = Table(
    "tables",
    metadata,
    Column("id", Text, primary_key=True),
    Column("schema_id", Text, ForeignKey("schemas.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("also", Text, nullable=False),  # a JSON list of locations
    Column("format", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("schema_id", "name_key"),
)

shares = Table(
    "shares",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("comment", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

shared_tables = Table(
    "shared_tables",
    metadata,
    Column("share_id", Text, ForeignKey("shares.id", ondelete="CASCADE"), nullable=False),
    Column("schema", Text, nullable=False),
    Column("schema_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("table_id", Text, ForeignKey("tables.id"), nullable=False, index=True),
    Column("history", Boolean, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("start_version", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("share_id", "schema_key", "name_key"),
    UniqueConstraint("share_id", "table_id"),  # PROTOCOL.md: a table's id is unique within the share
)

recipients = Table(
    "recipients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

recipient_tokens = Table(
    "recipient_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient_id", Text, ForeignKey("recipients.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("issue", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("link_expires_at", BigInteger, nullable=False),
    Column("token_hash", LargeBinary, unique=True),
    Column("activated_at", BigInteger),
    Column("expires_at", BigInteger),
)

grants = Table(
    "grants",
    metadata,
    Column("recipient_id", Text, ForeignKey("recipients.id", ondelete="CASCADE"), nullable=False),
    Column("share_id", Text, ForeignKey("shares.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("granted_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("recipient_id", "share_id"),
)

async_queries = Table(
    "async_queries",
    metadata,
    Column("id", Text, primary_key=True),
    Column("recipient_id", Text, ForeignKey("recipients.id", ondelete="CASCADE"), nullable=False),
    Column("share_id", Text, ForeignKey("shares.id", ondelete="CASCADE"), nullable=False),
    Column("table_id", Text, ForeignKey("tables.id", ondelete="CASCADE"), nullable=False),
    Column("idempotency_key", Text),
    Column("request_hash", Text, nullable=False),
    Column("request", Text, nullable=False),  # JSON, as are the capabilities
    Column("capabilities", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("scope_hash", Text, nullable=False),
    Column("state", Text, nullable=False),  # pending, succeeded or failed
    Column("error_code", Text),
    Column("error_message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger, index=True),
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("recipient_id", "share_id", "table_id", "idempotency_key"),  # each query without a key is new
    Index("ix_async_queries_state_created_at", "state", "created_at"),
)

audit_events = Table(
    "audit_events",
    metadata,
    # The order of arrival, which `lakeshare audit --follow` reads by; a number is never given twice.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False, unique=True),
    Column("event_time", BigInteger, nullable=False, index=True),
    Column("action_name", Text, nullable=False),
    Column("user_email", Text, nullable=False),
    Column("status_code", Integer, nullable=False),
    Column("event", Text, nullable=False),  # the whole event in JSON
    sqlite_autoincrement=True,
)

audit_spool = Table(
    "audit_spool",
    metadata,
    Column("file", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),  # bytes of the file that are replayed
)
