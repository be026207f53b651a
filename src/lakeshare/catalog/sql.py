"""The catalog's stores over SQL: `queries` has the statements, `database.py` the threads and transactions."""

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection, Engine

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.database import Database
from lakeshare.catalog.model import (
    GrantedShare,
    Recipient,
    RecipientAccess,
    RecipientToken,
    Share,
    SharedTable,
    Table,
)
from lakeshare.catalog.queries import async_queries, grants, recipients, shares, state, tables


class SqlCatalogStore:
    """Implements `CatalogStore`, whose docstrings hold here. The database is migrated; the caller owns the engine."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    async def revision(self) -> int:
        return await self._database.point_read(state.revision)

    async def public_url(self) -> str | None:
        return await self._database.point_read(state.public_url)

    async def set_public_url(self, url: str) -> None:
        await self._database.write(lambda connection: state.set_public_url(connection, url))

    async def create_table(self, table: Table) -> None:
        await self._database.write(lambda connection: tables.create_table(connection, table))

    async def table(self, full_name: str) -> Table:
        return await self._database.point_read(lambda connection: tables.table(connection, full_name))

    async def table_by_id(self, table_id: str) -> Table:
        return await self._database.point_read(lambda connection: tables.table_by_id(connection, table_id))

    async def tables(self) -> Sequence[Table]:
        return await self._database.read(tables.all_tables)

    async def delete_table(self, full_name: str) -> Table:
        return await self._database.write(lambda connection: tables.delete_table(connection, full_name))

    async def create_share(self, share: Share) -> None:
        await self._database.write(lambda connection: shares.create_share(connection, share))

    async def share(self, name: str) -> Share:
        return await self._database.point_read(lambda connection: shares.share(connection, name))

    async def shares(self) -> Sequence[Share]:
        return await self._database.read(shares.all_shares)

    async def delete_share(self, name: str) -> Share:
        return await self._database.write(lambda connection: shares.delete_share(connection, name))

    async def add_to_share(self, shared: SharedTable) -> None:
        await self._database.write(lambda connection: shares.add_to_share(connection, shared))

    async def remove_from_share(self, share: str, schema: str, name: str) -> SharedTable:
        return await self._database.write(lambda connection: shares.remove_from_share(connection, share, schema, name))

    async def shared_tables(self, share: str) -> Sequence[SharedTable]:
        return await self._database.read(lambda connection: shares.tables_in_share(connection, share))

    async def shared_table(self, share_id: str, table_id: str) -> SharedTable:
        return await self._database.point_read(lambda connection: shares.shared_table(connection, share_id, table_id))

    async def create_recipient(self, recipient: Recipient, token: RecipientToken) -> None:
        await self._database.write(lambda connection: recipients.create_recipient(connection, recipient, token))

    async def recipient(self, name: str) -> Recipient:
        return await self._database.point_read(lambda connection: recipients.recipient(connection, name))

    async def recipients(self) -> Sequence[Recipient]:
        return await self._database.read(recipients.all_recipients)

    async def recipient_tokens(self, recipient_id: str) -> Sequence[RecipientToken]:
        return await self._database.point_read(lambda connection: recipients.recipient_tokens(connection, recipient_id))

    async def rotate_token(self, recipient_id: str, new: RecipientToken, old_expires_at: int) -> None:
        await self._database.write(
            lambda connection: recipients.rotate_token(connection, recipient_id, new, old_expires_at)
        )

    async def delete_recipient(self, name: str) -> Recipient:
        return await self._database.write(lambda connection: recipients.delete_recipient(connection, name))

    async def token(self, token_id: str) -> tuple[Recipient, RecipientToken]:
        return await self._database.point_read(lambda connection: recipients.token(connection, token_id))

    async def activate_token(self, token_id: str, issue: int, token_hash: bytes, now: int) -> bool:
        return await self._database.write(
            lambda connection: recipients.activate_token(connection, token_id, issue, token_hash, now)
        )

    async def grant(self, share: str, recipient: str, now: int) -> bool:
        return await self._database.write(lambda connection: grants.grant(connection, share, recipient, now))

    async def revoke(self, share: str, recipient: str) -> bool:
        return await self._database.write(lambda connection: grants.revoke(connection, share, recipient))

    async def granted_recipients(self, share: str) -> Sequence[Recipient]:
        return await self._database.read(lambda connection: grants.granted_recipients(connection, share))

    async def granted_shares(self, recipient: str) -> Sequence[Share]:
        return await self._database.read(lambda connection: grants.granted_shares(connection, recipient))

    async def access(
        self, token_hash: bytes, known: Mapping[str, GrantedShare] | None = None
    ) -> RecipientAccess | None:
        found = await self._database.point_read(lambda connection: grants.token_access(connection, token_hash))
        if found is None:
            return None
        recipient, token, opened = found
        granted = dict(known or {})
        missing = [share for share in opened if share.id not in granted]
        if missing:
            granted |= await self._database.read(lambda connection: _load_shares(connection, missing))
        return RecipientAccess(recipient, token, {share.name.casefold(): granted[share.id] for share in opened})


class SqlAsyncQueryStore:
    """Implements `AsyncQueryStore`, as `SqlCatalogStore` does its own."""

    def __init__(self, engine: Engine) -> None:
        self._database = Database(engine)

    async def submitted(
        self, recipient_id: str, share_id: str, table_id: str, idempotency_key: str
    ) -> AsyncQuery | None:
        return await self._database.point_read(
            lambda connection: async_queries.submitted(connection, recipient_id, share_id, table_id, idempotency_key)
        )

    async def submit(self, query: AsyncQuery, *, finished_before: int, pending: int, kept: int) -> AsyncQuery:
        return await self._database.write_uncached(
            lambda connection: async_queries.submit(connection, query, finished_before, pending, kept)
        )

    async def find(self, query_id: str) -> AsyncQuery | None:
        return await self._database.point_read(lambda connection: async_queries.find(connection, query_id))

    async def lease(self, worker: str, now: int, until: int) -> AsyncQuery | None:
        while query_id := await self._database.point_read(lambda read: async_queries.next_waiting(read, now)):
            leased = await self._database.write_uncached(partial(_lease, query_id, worker, now, until))
            if leased is not None:
                return leased
        return None

    async def extend_lease(self, query_id: str, worker: str, until: int) -> bool:
        return await self._change_leased(query_id, worker, lease_until=until)

    async def give_back(self, query_id: str, worker: str, not_before: int) -> bool:
        return await self._change_leased(query_id, worker, lease_owner=None, lease_until=not_before)

    async def succeed(self, query_id: str, worker: str, now: int) -> bool:
        return await self._change_leased(query_id, worker, state="succeeded", finished_at=now)

    async def fail(self, query_id: str, worker: str, now: int, code: str, message: str) -> bool:
        return await self._change_leased(
            query_id, worker, state="failed", finished_at=now, error_code=code, error_message=message
        )

    async def forget(self, finished_before: int) -> int:
        if not await self._database.point_read(lambda read: async_queries.has_finished(read, finished_before)):
            return 0
        return await self._database.write_uncached(lambda connection: async_queries.forget(connection, finished_before))

    async def _change_leased(self, query_id: str, worker: str, **values: str | int | None) -> bool:
        return await self._database.write_uncached(
            lambda connection: async_queries.change_leased(connection, query_id, worker, values)
        )


def _lease(query_id: str, worker: str, now: int, until: int, connection: Connection) -> AsyncQuery | None:
    return async_queries.lease(connection, query_id, worker, now, until)


def _load_shares(connection: Connection, missing: Sequence[Share]) -> dict[str, GrantedShare]:
    return {share.id: shares.granted_share(connection, share) for share in missing}
