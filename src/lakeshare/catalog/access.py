"""What bearer tokens open, kept in memory while the catalog's revision stands still."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from lakeshare.catalog.model import GrantedShare, RecipientAccess, Table
from lakeshare.catalog.store import CatalogStore
from lakeshare.errors import NotFound, Unavailable


class AccessCache:
    """Answers from memory, if the revision was confirmed less than `check_every_ms` ago; else confirms it first.

    `clock` gives epoch milliseconds. While the database is unreachable, and only then, what is in memory is trusted
    up to `stale_grants_seconds` after the last confirmation (0: never); then, and for all that is not in memory,
    Unavailable is raised. Only tokens and tables that exist are kept, so strangers cannot fill the memory.
    """

    def __init__(
        self,
        store: CatalogStore,
        clock: Callable[[], int],
        stale_grants_seconds: int = 60,
        check_every_ms: int = 250,
    ) -> None:
        self._store = store
        self._clock = clock
        self._stale_ms = stale_grants_seconds * 1000
        self._check_every_ms = check_every_ms
        self._known = _Known(revision=None)
        self._confirmed_at: int | None = None
        self._checked_at: int | None = None
        self._trouble: Unavailable | None = None
        self._checking = asyncio.Lock()
        self._loading = asyncio.Lock()

    async def access(self, token_hash: bytes) -> RecipientAccess | None:
        """Everything that the token with this SHA-256 opens; None where no recipient has it. Does not check expiry."""
        await self._confirm()
        found = self._known.access.get(token_hash)
        return found if found is not None else await self._load_access(token_hash)

    async def table_roots(self, table_id: str) -> Table | None:
        """The registered table with its roots; None where it is gone."""
        await self._confirm()
        found = self._known.tables.get(table_id)
        return found if found is not None else await self._load_table(table_id)

    async def _confirm(self) -> None:
        """Return where memory may be trusted. Raises Unavailable where it may not."""
        if not self._is_recent(self._checked_at, self._check_every_ms):
            async with self._checking:
                if not self._is_recent(self._checked_at, self._check_every_ms):
                    await self._check()
        if self._trouble is not None and not self._is_recent(self._confirmed_at, self._stale_ms):
            raise _again(self._trouble)

    async def _check(self) -> None:
        asked_at = self._clock()
        try:
            revision = await self._store.revision()
        except Unavailable as error:
            self._trouble = error
        else:
            self._trouble = None
            self._confirmed_at = asked_at
            if revision != self._known.revision:
                self._known = _Known(revision)
        # Taken after the answer: a database that takes long to fail is not asked again at once.
        self._checked_at = self._clock() if self._trouble else asked_at

    def _is_recent(self, moment: int | None, period_ms: int) -> bool:
        """False too where the clock was set back."""
        return moment is not None and 0 <= self._clock() - moment < period_ms

    async def _load_access(self, token_hash: bytes) -> RecipientAccess | None:
        # One at a time: a thousand recipients of one large share must read it once.
        async with self._loading:
            known = self._reachable()
            if token_hash in known.access:
                return known.access[token_hash]
            found = await self._store.access(token_hash, known.shares)
            if found is not None:
                known.access[token_hash] = found
                known.shares.update((granted.share.id, granted) for granted in found.shares.values())
            return found

    async def _load_table(self, table_id: str) -> Table | None:
        known = self._reachable()
        try:
            found = await self._store.table_by_id(table_id)
        except NotFound:
            return None
        known.tables[table_id] = found
        return found

    def _reachable(self) -> "_Known":
        if self._trouble is not None:
            raise _again(self._trouble)
        return self._known


@dataclass(slots=True)
class _Known:
    """What was read since `revision` was; it is replaced whole, so that a read which began under an older revision
    cannot put its answer among newer ones."""

    revision: int | None
    access: dict[bytes, RecipientAccess] = field(default_factory=dict)
    shares: dict[str, GrantedShare] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


def _again(trouble: Unavailable) -> Unavailable:
    """A copy: an exception that is raised twice keeps both tracebacks alive."""
    return Unavailable(trouble.message, hint=trouble.hint, detail=trouble.detail)
