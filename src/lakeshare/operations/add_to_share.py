"""Put a table into a share."""

import msgspec

from lakeshare.catalog.model import SharedTable
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import split_shared_name


async def add_to_share(
    services: Services,
    caller: Caller,
    share: str,
    table: str,
    *,
    shared_as: str | None = None,
    history: bool = False,
) -> SharedTable:
    """Share `table` (CATALOG.SCHEMA.TABLE) under the name `shared_as` (SCHEMA.NAME), by default its own.

    Raises NotFound where share or table is absent, InvalidValue where the name cannot be used, AlreadyExists where
    the share has a table of this name.
    """
    holder = await services.catalog.share(share)
    added = await services.catalog.table(table)
    schema, name = (added.schema, added.name) if shared_as is None else split_shared_name(shared_as)
    shared = SharedTable(
        share_id=holder.id,
        share=holder.name,
        schema=schema,
        name=name,
        table=added,
        history=history,
        added_at=services.clock(),
    )
    await services.catalog.add_to_share(shared)
    update = {
        "action": "ADD",
        "name": added.full_name,
        "shared_as": shared.shared_as,
        "history_data_sharing_status": "ENABLED" if history else "DISABLED",
    }
    record(services, caller, "updateShare", {"name": holder.name, "updates": msgspec.json.encode([update]).decode()})
    return shared
