"""PROTOCOL.md, "Query Table Version"."""

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.history_scope import require_history, version_from
from lakeshare.operations.read_table import authorized_table, read_snapshot
from lakeshare.operations.services import Caller, Services


async def table_version(
    services: Services, caller: Caller, access: RecipientAccess, name: TableName, starting_timestamp: str | None
) -> int:
    """The newest version, or the earliest at or after a timestamp.

    Raises NotFound, InvalidValue, TableUnreadable or Unavailable.
    """
    table = authorized_table(access, name)
    require_history(table, {"startingTimestamp": starting_timestamp})
    if starting_timestamp is None:
        version = (await read_snapshot(services, table)).version
    else:
        version = await version_from(services, table, starting_timestamp, table.scope.start_version)
    record(services, caller, "deltaSharingGetTableVersion", table.audit_params, result={"tableVersion": version})
    return version
