"""What every read of a table begins with: an authorized table, and its versions, with errors that name the table."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lakeshare.catalog.model import RecipientAccess, SharedTable, Table
from lakeshare.errors import TableUnreadable
from lakeshare.governance.scope import ReadScope
from lakeshare.operations.authorize import TableName, authorize_table
from lakeshare.operations.services import Services
from lakeshare.tables.base import Commit, Snapshot, TableMetadata, TableProtocol, TableSource


@dataclass(frozen=True, slots=True)
class AuthorizedTable:
    """A table that the recipient may read within `scope`. Nothing of it was read yet."""

    shared: SharedTable
    scope: ReadScope
    audit_params: dict[str, str]

    @property
    def shown_as(self) -> str:
        """The name that the recipient knows it by, which is the only one that errors may tell."""
        return f"{self.shared.share}.{self.shared.shared_as}"

    @property
    def source(self) -> TableSource:
        return table_source(self.shared.table)


def authorized_table(access: RecipientAccess, name: TableName) -> AuthorizedTable:
    """Authorize, without touching storage. Raises NotFound."""
    shared, scope = authorize_table(access, name)
    params = {
        "recipient_name": access.recipient.name,
        "share_name": shared.share,
        "schema": shared.schema,
        "table_full_name": shared.table.full_name,
        "table_id": shared.table.id,
    }
    return AuthorizedTable(shared, scope, params)


async def read_snapshot(services: Services, table: AuthorizedTable, version: int | None = None) -> Snapshot:
    """A version, by default the newest. Raises VersionGone, TableUnreadable or Unavailable."""
    with naming_errors(table):
        if version is None:
            return await services.tables.snapshot(table.source)
        return await services.tables.snapshot_at(table.source, version)


async def read_metadata(
    services: Services, table: AuthorizedTable, version: int
) -> tuple[TableProtocol, TableMetadata]:
    """What was in force at a version, without its files. Raises VersionGone, TableUnreadable or Unavailable."""
    with naming_errors(table):
        return await services.tables.metadata_at(table.source, version)


async def read_commits(services: Services, table: AuthorizedTable, start: int, end: int) -> AsyncIterator[Commit]:
    """What the versions changed, in order. Raises VersionGone, TableUnreadable or Unavailable."""
    with naming_errors(table):
        async for commit in services.tables.commits(table.source, start, end):
            yield commit


def table_source(table: Table) -> TableSource:
    return TableSource(table_id=table.id, root=table.location, also=table.also, format=table.format)


@contextmanager
def naming_errors(table: AuthorizedTable) -> Iterator[None]:
    """Errors tell the name that the recipient knows, never a path."""
    try:
        yield
    except TableUnreadable as error:
        registered = table.shared.table
        raise type(error)(
            f"The table '{table.shown_as}' cannot be read: {error.message[:1].lower()}{error.message[1:]}",
            hint="Ask the provider to look at it.",
            detail=f"{registered.full_name} at {registered.location}: {error.detail}",
        ) from error
