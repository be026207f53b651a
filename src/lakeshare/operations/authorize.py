"""What an authenticated recipient may see of the names it sends. A grant that was never given and a share that
does not exist give the same error."""

from typing import NamedTuple

from lakeshare.catalog.model import GrantedShare, RecipientAccess, SharedTable
from lakeshare.errors import NotFound
from lakeshare.governance.scope import ReadScope


class TableName(NamedTuple):
    """A shared table as a recipient names it, in any case."""

    share: str
    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.share}.{self.schema}.{self.table}"


def authorize_share(access: RecipientAccess, share: str) -> GrantedShare:
    granted = access.shares.get(share.casefold())
    if granted is None:
        raise _absent("share", share)
    return granted


def authorize_schema(access: RecipientAccess, share: str, schema: str) -> tuple[GrantedShare, str]:
    """The share, and the schema's name as it is written there."""
    granted = authorize_share(access, share)
    for name in granted.schemas:
        if name.casefold() == schema.casefold():
            return granted, name
    raise _absent("schema", f"{share}.{schema}")


def authorize_table(access: RecipientAccess, name: TableName) -> tuple[SharedTable, ReadScope]:
    granted = access.shares.get(name.share.casefold())
    shared = granted and granted.by_name.get((name.schema.casefold(), name.table.casefold()))
    if not shared:
        raise _absent("table", str(name))
    return shared, read_scope(shared)


def read_scope(shared: SharedTable) -> ReadScope:
    """What every recipient of the share may touch of the table."""
    return ReadScope(shared.table.id, history=shared.history, start_version=shared.start_version)


def _absent(kind: str, name: str) -> NotFound:
    return NotFound(
        f"The {kind} '{name}' does not exist, or is not shared with you.",
        hint="List what you can read with GET /shares.",
    )
