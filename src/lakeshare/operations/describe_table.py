"""What is registered, and what a table holds now."""

from collections.abc import Sequence
from dataclasses import dataclass

from lakeshare.catalog.model import Table
from lakeshare.operations.services import Services
from lakeshare.tables.base import Snapshot, TableSource


@dataclass(frozen=True, slots=True)
class TableDescription:
    table: Table
    snapshot: Snapshot


async def describe_table(services: Services, full_name: str) -> TableDescription:
    """The table and its newest version. Raises NotFound, TableUnreadable or Unavailable."""
    table = await services.catalog.table(full_name)
    source = TableSource(table_id=table.id, root=table.location, also=table.also, format=table.format)
    return TableDescription(table, await services.tables.snapshot(source))


async def list_tables(services: Services) -> Sequence[Table]:
    """Every registered table, in name order."""
    return await services.catalog.tables()
