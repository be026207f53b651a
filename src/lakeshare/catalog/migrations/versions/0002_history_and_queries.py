"""Where a shared table's history begins, and asynchronous queries."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "shared_tables", sa.Column("start_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    _make_async_queries()


def _make_async_queries() -> None:
    op.create_table(
        "async_queries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recipient_id", sa.Text(), nullable=False),
        sa.Column("share_id", sa.Text(), nullable=False),
        sa.Column("table_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text()),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("scope_hash", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_until", sa.BigInteger()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_async_queries"),
        sa.ForeignKeyConstraint(
            ["recipient_id"], ["recipients.id"], name="fk_async_queries_recipient_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["share_id"], ["shares.id"], name="fk_async_queries_share_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["table_id"], ["tables.id"], name="fk_async_queries_table_id", ondelete="CASCADE"),
        sa.UniqueConstraint(
            "recipient_id",
            "share_id",
            "table_id",
            "idempotency_key",
            name="uq_async_queries_recipient_id_share_id_table_id_idempotency_key",
        ),
    )
    op.create_index("ix_async_queries_finished_at", "async_queries", ["finished_at"])
    op.create_index("ix_async_queries_state_created_at", "async_queries", ["state", "created_at"])
