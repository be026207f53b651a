"""PROTOCOL.md, "Query Table Version"."""

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.read_table import open_authorized, refuse_unserved
from lakeshare.operations.services import Caller, Services


async def table_version(
    services: Services, caller: Caller, access: RecipientAccess, name: TableName, starting_timestamp: str | None
) -> int:
    """The table's newest version."""
    read = await open_authorized(services, access, name)
    refuse_unserved({"startingTimestamp": starting_timestamp})
    version = read.snapshot.version
    record(services, caller, "deltaSharingGetTableVersion", read.audit_params, result={"tableVersion": version})
    return version
