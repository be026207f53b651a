"""Alembic runs this file. `upgrade.py` opens the transaction, so a migration is done whole or not at all."""

from alembic import context

from lakeshare.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
