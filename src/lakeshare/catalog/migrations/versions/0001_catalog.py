"""The first schema: catalog, shares, recipients, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _make_state()
    _make_catalog()
    _make_shares()
    _make_recipients()
    _make_audit()


def _make_state() -> None:
    state = op.create_table(
        "state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("public_url", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_state"),
    )
    op.bulk_insert(state, [{"id": 1, "revision": 0, "public_url": None}])


def _make_catalog() -> None:
    op.create_table(
        "catalogs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalogs"),
        sa.UniqueConstraint("name_key", name="uq_catalogs_name_key"),
    )
    op.create_table(
        "schemas",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("catalog_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schemas"),
        sa.ForeignKeyConstraint(["catalog_id"], ["catalogs.id"], name="fk_schemas_catalog_id"),
        sa.UniqueConstraint("catalog_id", "name_key", name="uq_schemas_catalog_id_name_key"),
    )
    op.create_table(
        "tables",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("schema_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("also", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tables"),
        sa.ForeignKeyConstraint(["schema_id"], ["schemas.id"], name="fk_tables_schema_id"),
        sa.UniqueConstraint("schema_id", "name_key", name="uq_tables_schema_id_name_key"),
    )


def _make_shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shares"),
        sa.UniqueConstraint("name_key", name="uq_shares_name_key"),
    )
    op.create_table(
        "shared_tables",
        sa.Column("share_id", sa.Text(), nullable=False),
        sa.Column("schema", sa.Text(), nullable=False),
        sa.Column("schema_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("table_id", sa.Text(), nullable=False),
        sa.Column("history", sa.Boolean(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("share_id", "schema_key", "name_key", name="pk_shared_tables"),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name="fk_shared_tables_share_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_shared_tables_table_id"),
        sa.UniqueConstraint("share_id", "table_id", name="uq_shared_tables_share_id_table_id"),
    )
    op.create_index("ix_shared_tables_table_id", "shared_tables", ["table_id"])


def _make_recipients() -> None:
    op.create_table(
        "recipients",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recipients"),
        sa.UniqueConstraint("name_key", name="uq_recipients_name_key"),
    )
    op.create_table(
        "recipient_tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recipient_id", sa.Text(), nullable=False),
        sa.Column("issue", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("link_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary()),
        sa.Column("activated_at", sa.BigInteger()),
        sa.Column("expires_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_recipient_tokens"),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name="fk_recipient_tokens_recipient_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("token_hash", name="uq_recipient_tokens_token_hash"),
    )
    op.create_index("ix_recipient_tokens_recipient_id", "recipient_tokens", ["recipient_id"])
    op.create_table(
        "grants",
        sa.Column("recipient_id", sa.Text(), nullable=False),
        sa.Column("share_id", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_id", "share_id", name="pk_grants"),
        sa.ForeignKeyConstraint(["recipient_id"], ["recipients.id"], name="fk_grants_recipient_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name="fk_grants_share_id", ondelete="CASCADE"),
    )
    op.create_index("ix_grants_share_id", "grants", ["share_id"])


def _make_audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_time", sa.BigInteger(), nullable=False),
        sa.Column("action_name", sa.Text(), nullable=False),
        sa.Column("user_email", sa.Text(), nullable=False),
        sa.Column("status_code", sa.Integer(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_events"),
        sa.UniqueConstraint("event_id", name="uq_audit_events_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_events_event_time", "audit_events", ["event_time"])
    op.create_table(
        "audit_spool",
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("file", name="pk_audit_spool"),
    )
