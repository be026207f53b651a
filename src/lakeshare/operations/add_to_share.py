"""Put a table into a share."""

import msgspec

from lakeshare.catalog.model import SharedTable
from lakeshare.errors import InvalidValue
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import split_shared_name
from lakeshare.protocol.requests import INT64_MAX


async def add_to_share(
    services: Services,
    caller: Caller,
    share: str,
    table: str,
    *,
    shared_as: str | None = None,
    history: bool = False,
    start_version: int | None = None,
) -> SharedTable:
    """Share `table` (CATALOG.SCHEMA.TABLE) under the name `shared_as` (SCHEMA.NAME), by default its own.

    With `history`, recipients may read its versions from `start_version` on, by default all. Raises NotFound where
    share or table is absent, InvalidValue where the name or the start version cannot be used, AlreadyExists where the
    share has a table of this name.
    """
    if start_version is not None:
        _check_start(start_version, history=history)
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
        start_version=start_version or 0,
    )
    await services.catalog.add_to_share(shared)
    update = {
        "action": "ADD",
        "name": added.full_name,
        "shared_as": shared.shared_as,
        "history_data_sharing_status": "ENABLED" if history else "DISABLED",
    }
    if start_version:
        update["start_version"] = str(start_version)
    record(services, caller, "updateShare", {"name": holder.name, "updates": msgspec.json.encode([update]).decode()})
    return shared


def _check_start(start_version: int, *, history: bool) -> None:
    """Raises InvalidValue."""
    if not 0 <= start_version <= INT64_MAX:
        raise InvalidValue(f"The start version is {start_version}.", hint="Give a version of the table: 0 or more.")
    if not history:
        raise InvalidValue(
            f"The start version {start_version} needs history, which is not shared.", hint="Share the table's history."
        )
