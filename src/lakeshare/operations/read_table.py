"""What version, metadata and query share: an authorized, readable snapshot and the format that it can be served in."""

from dataclasses import dataclass

from lakeshare.catalog.model import RecipientAccess, SharedTable, Table
from lakeshare.errors import InvalidValue, TableUnreadable
from lakeshare.governance.scope import ReadScope
from lakeshare.operations.authorize import TableName, authorize_table
from lakeshare.operations.services import Services
from lakeshare.tables.base import Snapshot, TableSource


@dataclass(frozen=True, slots=True)
class AuthorizedRead:
    """A table that the recipient may read, as of one version."""

    shared: SharedTable
    scope: ReadScope
    snapshot: Snapshot
    audit_params: dict[str, str]


async def open_authorized(services: Services, access: RecipientAccess, name: TableName) -> AuthorizedRead:
    """Authorize first, then read the newest snapshot. Raises NotFound, TableUnreadable or Unavailable."""
    shared, scope = authorize_table(access, name)
    snapshot = await read_snapshot(services, shared.table, shown_as=f"{shared.share}.{shared.shared_as}")
    params = {
        "recipient_name": access.recipient.name,
        "share_name": shared.share,
        "schema": shared.schema,
        "table_full_name": shared.table.full_name,
        "table_id": shared.table.id,
    }
    return AuthorizedRead(shared, scope, snapshot, params)


async def read_snapshot(services: Services, table: Table, *, shown_as: str) -> Snapshot:
    """The table's newest snapshot. An error tells the name that the caller knows, never a path."""
    try:
        return await services.tables.snapshot(table_source(table))
    except TableUnreadable as error:
        raise type(error)(
            f"The table '{shown_as}' cannot be read: {error.message[:1].lower()}{error.message[1:]}",
            hint="Ask the provider to look at it.",
            detail=f"{table.full_name} at {table.location}: {error.detail}",
        ) from error


def table_source(table: Table) -> TableSource:
    return TableSource(table_id=table.id, root=table.location, also=table.also, format=table.format)


def refuse_unserved(given: dict[str, object]) -> None:
    """Refuse what would change which rows or versions come back, and is not served yet."""
    for field, value in given.items():
        if value is not None:
            raise InvalidValue(f"{field} is not served yet.", hint="Leave it out to read the table as it is now.")
