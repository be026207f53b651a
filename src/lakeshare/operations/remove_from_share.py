"""Take a table out of a share."""

import msgspec

from lakeshare.catalog.model import SharedTable
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import split_shared_name


async def remove_from_share(services: Services, caller: Caller, share: str, shared_as: str) -> SharedTable:
    """Remove the table that recipients see as `shared_as` (SCHEMA.NAME). Raises NotFound or InvalidValue."""
    schema, name = split_shared_name(shared_as)
    removed = await services.catalog.remove_from_share(share, schema, name)
    update = {"action": "REMOVE", "name": removed.table.full_name, "shared_as": removed.shared_as}
    record(services, caller, "updateShare", {"name": removed.share, "updates": msgspec.json.encode([update]).decode()})
    return removed
