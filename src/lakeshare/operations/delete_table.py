"""Take a table out of the catalog; its files stay where they are."""

from lakeshare.catalog.model import Table
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services


async def delete_table(services: Services, caller: Caller, full_name: str) -> Table:
    """Raises NotFound, or InvalidValue where a share still holds the table."""
    table = await services.catalog.delete_table(full_name)
    record(services, caller, "deleteTable", {"full_name_arg": table.full_name, "table_id": table.id})
    return table
