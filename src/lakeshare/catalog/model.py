"""The catalog's things. Ids are UUIDs in text; times are epoch milliseconds, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A registered table. `location` and `also` are locations (storage/locations.py)."""

    id: str
    catalog: str
    schema: str
    name: str
    location: str
    also: tuple[str, ...]
    format: str
    created_at: int

    @property
    def full_name(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Share:
    id: str
    name: str
    comment: str
    created_at: int


@dataclass(frozen=True, slots=True)
class SharedTable:
    """A table inside a share, under the names that recipients see (`shared_as`).

    With `history`, recipients may read its versions from `start_version` on.
    """

    share_id: str
    share: str
    schema: str
    name: str
    table: Table
    history: bool
    added_at: int
    start_version: int = 0

    @property
    def shared_as(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Recipient:
    id: str
    name: str
    created_at: int


@dataclass(frozen=True, slots=True)
class RecipientToken:
    """One credential of a recipient: first an activation link, then (once used) a bearer token.

    `token_hash` is None until the link is used. `issue` counts the links made for this token.
    """

    id: str
    recipient_id: str
    issue: int
    created_at: int
    link_expires_at: int
    token_hash: bytes | None = None
    activated_at: int | None = None
    expires_at: int | None = None

    def is_live(self, now: int) -> bool:
        """Whether it can still read, or still become a token that can."""
        return self.expires_at is None or now < self.expires_at


@dataclass(frozen=True, slots=True)
class GrantedShare:
    """A share with its tables, ready to be listed: everything in name order."""

    share: Share
    schemas: tuple[str, ...]
    tables: tuple[SharedTable, ...]
    by_name: Mapping[tuple[str, str], SharedTable]
    """(schema, table) in casefold → the shared table."""


@dataclass(frozen=True, slots=True)
class RecipientAccess:
    """Everything that one bearer token opens. `shares` is keyed by casefolded name, in name order."""

    recipient: Recipient
    token: RecipientToken
    shares: Mapping[str, GrantedShare]
