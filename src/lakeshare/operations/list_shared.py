"""What a recipient can read: the listings of the sharing API, by name order, in pages, and one share or table."""

from lakeshare.catalog.model import RecipientAccess, SharedTable
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName, authorize_schema, authorize_share, authorize_table
from lakeshare.operations.list_pages import PageRequest, cut_page
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol import listing


async def list_shares(services: Services, caller: Caller, access: RecipientAccess, page: PageRequest) -> listing.Page:
    """PROTOCOL.md, "List Shares"."""
    granted = list(access.shares.values())
    found, token = cut_page(
        services, access.recipient.id, "shares", granted, lambda item: item.share.name.casefold(), page
    )
    record(services, caller, "deltaSharingListShares", {"recipient_name": access.recipient.name})
    return listing.Page([listing.Share(item.share.name, item.share.id) for item in found], token)


async def get_share(services: Services, caller: Caller, access: RecipientAccess, share: str) -> listing.ShareAnswer:
    """PROTOCOL.md, "Get Share"."""
    granted = authorize_share(access, share)
    params = {"recipient_name": access.recipient.name, "share_name": granted.share.name}
    record(services, caller, "deltaSharingGetShare", params)
    return listing.ShareAnswer(listing.Share(granted.share.name, granted.share.id))


async def list_schemas(
    services: Services, caller: Caller, access: RecipientAccess, share: str, page: PageRequest
) -> listing.Page:
    """PROTOCOL.md, "List Schemas in a Share"."""
    granted = authorize_share(access, share)
    found, token = cut_page(
        services, access.recipient.id, f"schemas/{granted.share.id}", granted.schemas, str.casefold, page
    )
    params = {"recipient_name": access.recipient.name, "share_name": granted.share.name}
    record(services, caller, "deltaSharingListSchemas", params)
    return listing.Page([listing.Schema(name, granted.share.name) for name in found], token)


async def list_tables(
    services: Services, caller: Caller, access: RecipientAccess, share: str, schema: str, page: PageRequest
) -> listing.Page:
    """PROTOCOL.md, "List Tables in a Schema"."""
    granted, schema = authorize_schema(access, share, schema)
    tables = [shared for shared in granted.tables if shared.schema.casefold() == schema.casefold()]
    kind = f"tables/{granted.share.id}/{schema.casefold()}"
    found, token = cut_page(services, access.recipient.id, kind, tables, _order, page)
    params = {"recipient_name": access.recipient.name, "share_name": granted.share.name, "schema": schema}
    record(services, caller, "deltaSharingListTables", params)
    return listing.Page([_table(shared) for shared in found], token)


async def list_all_tables(
    services: Services, caller: Caller, access: RecipientAccess, share: str, page: PageRequest
) -> listing.Page:
    """PROTOCOL.md, "List all Tables in a Share"."""
    granted = authorize_share(access, share)
    kind = f"all-tables/{granted.share.id}"
    found, token = cut_page(services, access.recipient.id, kind, granted.tables, _order, page)
    params = {"recipient_name": access.recipient.name, "share_name": granted.share.name}
    record(services, caller, "deltaSharingListAllTables", params)
    return listing.Page([_table(shared) for shared in found], token)


async def get_table(
    services: Services, caller: Caller, access: RecipientAccess, name: TableName
) -> listing.DescribedTable:
    """OpenSharing's description of one table: which format it can be read in."""
    shared, _ = authorize_table(access, name)
    params = {"recipient_name": access.recipient.name, "share_name": shared.share, "schema": shared.schema}
    record(services, caller, "deltaSharingGetTable", params | {"table_full_name": shared.table.full_name})
    return listing.DescribedTable(
        name=shared.name,
        schema=shared.schema,
        share=shared.share,
        share_id=shared.share_id,
        id=shared.table.id,
        format=shared.table.format,
    )


def _order(shared: SharedTable) -> str:
    """Sorts as the pair (schema, name) does, since no name holds a control character."""
    return f"{shared.schema.casefold()}\x00{shared.name.casefold()}"


def _table(shared: SharedTable) -> listing.Table:
    return listing.Table(
        name=shared.name, schema=shared.schema, share=shared.share, share_id=shared.share_id, id=shared.table.id
    )
