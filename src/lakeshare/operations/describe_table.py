"""What is registered, and what a table holds now."""

from collections.abc import Sequence
from dataclasses import dataclass

from lakeshare.catalog.model import Table
from lakeshare.errors import TableUnreadable
from lakeshare.operations.read_table import table_source
from lakeshare.operations.services import Services
from lakeshare.tables.base import Snapshot


@dataclass(frozen=True, slots=True)
class TableDescription:
    table: Table
    snapshot: Snapshot


async def describe_table(services: Services, full_name: str) -> TableDescription:
    """The table and its newest version. Raises NotFound, TableUnreadable or Unavailable."""
    table = await services.catalog.table(full_name)
    try:
        snapshot = await services.tables.snapshot(table_source(table))
    except TableUnreadable as error:
        raise type(error)(
            f"The table {table.full_name!r} cannot be read: {error.message[:1].lower()}{error.message[1:]}",
            hint=error.hint,
            detail=f"{table.location}: {error.detail}",
        ) from error
    return TableDescription(table, snapshot)


async def list_tables(services: Services) -> Sequence[Table]:
    """Every registered table, in name order."""
    return await services.catalog.tables()
