"""What the catalog keeps, as a Protocol; `sql.py` is its one adapter.

Every method that changes something is one transaction, and bumps the revision. Names are kept as written and
compared by casefold. Raises AlreadyExists and NotFound, whose messages name the thing and the next step, and
Unavailable where the database does not answer.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lakeshare.catalog.model import (
    GrantedShare,
    Recipient,
    RecipientAccess,
    RecipientToken,
    Share,
    SharedTable,
    Table,
)


class CatalogStore(Protocol):
    async def revision(self) -> int:
        """Grows with every admin transaction; workers drop cached grants when it moves."""

    async def public_url(self) -> str | None: ...
    async def set_public_url(self, url: str) -> None: ...

    async def create_table(self, table: Table) -> None:
        """Makes a missing catalog and schema."""

    async def table(self, full_name: str) -> Table: ...
    async def table_by_id(self, table_id: str) -> Table: ...
    async def tables(self) -> Sequence[Table]:
        """In name order."""

    async def delete_table(self, full_name: str) -> Table:
        """Raises InvalidValue where a share still holds it, naming the shares."""

    async def create_share(self, share: Share) -> None: ...
    async def share(self, name: str) -> Share: ...
    async def shares(self) -> Sequence[Share]: ...
    async def delete_share(self, name: str) -> Share: ...
    async def add_to_share(self, shared: SharedTable) -> None:
        """A share holds a table once: recipients know it there by its id. A schema keeps its first spelling."""

    async def remove_from_share(self, share: str, schema: str, name: str) -> SharedTable: ...
    async def shared_tables(self, share: str) -> Sequence[SharedTable]: ...
    async def shared_table(self, share_id: str, table_id: str) -> SharedTable:
        """The one that a share holds of a table."""

    async def create_recipient(self, recipient: Recipient, token: RecipientToken) -> None: ...
    async def recipient(self, name: str) -> Recipient: ...
    async def recipients(self) -> Sequence[Recipient]: ...
    async def recipient_tokens(self, recipient_id: str) -> Sequence[RecipientToken]:
        """Oldest first."""

    async def rotate_token(self, recipient_id: str, new: RecipientToken, old_expires_at: int) -> None:
        """Adds `new`; the recipient's other tokens expire at `old_expires_at`, or earlier where they already do."""

    async def delete_recipient(self, name: str) -> Recipient:
        """Its tokens and grants die with it."""

    async def token(self, token_id: str) -> tuple[Recipient, RecipientToken]: ...
    async def activate_token(self, token_id: str, issue: int, token_hash: bytes, now: int) -> bool:
        """One conditional update: True for the one caller that used the link, False where it was used, replaced,
        or has expired."""

    async def grant(self, share: str, recipient: str, now: int) -> bool:
        """False where it was granted already."""

    async def revoke(self, share: str, recipient: str) -> bool:
        """False where there was no grant."""

    async def granted_recipients(self, share: str) -> Sequence[Recipient]: ...
    async def granted_shares(self, recipient: str) -> Sequence[Share]: ...

    async def access(
        self, token_hash: bytes, known: Mapping[str, GrantedShare] | None = None
    ) -> RecipientAccess | None:
        """Everything that the token with this SHA-256 opens; None where no recipient has it. Does not check expiry.

        Shares that are in `known`, by id, are taken from there and not read again.
        """
