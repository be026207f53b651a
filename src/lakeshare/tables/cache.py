"""Tables in memory: one look at a table at a time, and none while the last one is fresh enough."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lakeshare.storage.base import ObjectInfo
from lakeshare.storage.locations import scheme_of
from lakeshare.tables.base import Commit, Description, Snapshot, TableSource
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.disk_cache import DiskCache
from lakeshare.tables.formats import open_table
from lakeshare.tables.history import CommitHistory, CommitTime
from lakeshare.tables.saved_tables import SavedTables

COMMIT_BYTES = 400
"""About what a commit of a history takes in memory."""
NEVER = -(1 << 62)
"""A time that no clock has been at."""
DESCRIPTION_BYTES = 2000
"""What a version's protocol takes in memory, and the small parts of its metadata."""

Value = TypeVar("Value")


class SnapshotCache:
    """The snapshots and histories of the tables that are read; the least recently used go first.

    `freshness_ms` says by scheme how long a newest snapshot is believed, under `""` for every scheme that it does not
    name. What is kept of older versions is believed as long as the log holds the very commit of the version.
    `memory` is shared with whatever else is kept; a frame that is bigger is served, and not kept.
    Large tables are saved on `disk` too.
    `clock` gives epoch milliseconds. Belongs to one event loop. Every method raises TableUnreadable, Unavailable, or
    InvalidValue where no reader knows the source.
    """

    def __init__(
        self, freshness_ms: Mapping[str, int], memory: ByteBudget, disk: DiskCache, clock: Callable[[], int]
    ) -> None:
        self._freshness_ms = freshness_ms
        self._clock = clock
        self._kept = memory
        self._saved = SavedTables(disk)
        self._looks: dict[_Key, asyncio.Task[Any]] = {}

    async def snapshot(self, source: TableSource) -> Snapshot:
        """The table's version as of this call, or as of the freshness before it."""
        kept: _KeptNewest | None = self._kept.get(_Key(source, "newest"))
        if kept is None or not self._is_fresh(source, kept):
            kept = await self._looked_at(source)
        return kept.snapshot

    async def snapshot_at(self, source: TableSource, version: int) -> Snapshot:
        """That version, with the time that the history gives it. Raises VersionGone where it cannot be read."""
        newest = await self._at_least(source, version)
        history = await self._history(source, newest)
        if version == newest.version:
            return replace(newest, timestamp=(await history.time_of(version)).timestamp)
        key = _Key(source, "snapshot", version)
        kept: Snapshot | None = self._kept.get(key)
        if kept is not None and kept.proof == history.commit(version):
            return kept

        async def load() -> Snapshot:
            snapshot = await open_table(source).load(version, history=history)
            self._kept.put(key, snapshot, snapshot.files.private_bytes)
            return snapshot

        return await self._once(key, load)

    async def metadata_at(self, source: TableSource, version: int) -> Description:
        """That version's protocol and metadata, without its files. Raises VersionGone where it cannot be read."""
        newest = await self._at_least(source, version)
        if version == newest.version:
            return newest.protocol, newest.metadata
        history = await self._history(source, newest)
        proof = history.commit(version)
        key = _Key(source, "metadata", version)
        kept: _KeptDescription | None = self._kept.get(key)
        if kept is not None and kept.proof == proof:
            return kept.description

        async def describe() -> Description:
            description = await open_table(source).metadata_at(version, newest=newest)
            if proof is not None:
                size = DESCRIPTION_BYTES + len(description[1].schema_string)
                self._kept.put(key, _KeptDescription(description, proof), size)
            return description

        return await self._once(key, describe)

    async def history(self, source: TableSource) -> CommitHistory:
        """The versions whose commits the log has, up to the newest snapshot's."""
        return await self._history(source, await self.snapshot(source))

    async def version_at(self, source: TableSource, timestamp_ms: int) -> CommitTime:
        """The newest version at or before that time. Raises VersionGone where there is none."""
        return await (await self.history(source)).version_at(timestamp_ms)

    async def version_from(self, source: TableSource, timestamp_ms: int) -> CommitTime:
        """The oldest version at or after that time. Raises VersionGone where there is none."""
        return await (await self.history(source)).version_from(timestamp_ms)

    async def commits(self, source: TableSource, start: int, end: int) -> AsyncIterator[Commit]:
        """What versions `start` to `end`, both inclusive, changed. Raises VersionGone where a commit is gone."""
        history = await self._history(source, await self._at_least(source, end))
        history.require(start, end)
        _, metadata = await self.metadata_at(source, start)
        async for commit in open_table(source).commits(start, end, history=history, metadata=metadata):
            yield commit

    async def _at_least(self, source: TableSource, version: int) -> Snapshot:
        """The newest snapshot; one of now where the version that is asked for is newer than the one that is kept."""
        newest = await self.snapshot(source)
        if version <= newest.version:
            return newest
        running = self._looks.get(_Key(source, "newest"))
        if running is not None:
            await asyncio.wait([running])
        return (await self._look(source)).snapshot

    async def _history(self, source: TableSource, newest: Snapshot) -> CommitHistory:
        """The history up to that snapshot: a listing, where the last one was for another."""
        key = _Key(source, "history")
        kept: _KeptHistory | None = self._kept.get(key)
        if kept is not None and kept.newest == newest.proof:
            return kept.history

        async def read() -> CommitHistory:
            history = await open_table(source).history(newest, known=kept.history if kept else None)
            self._kept.put(key, _KeptHistory(history, newest.proof), COMMIT_BYTES * len(history))
            return history

        return await self._once(replace(key, version=newest.version), read)

    def _is_fresh(self, source: TableSource, kept: "_KeptNewest") -> bool:
        scheme = scheme_of(source.root)
        freshness = self._freshness_ms.get(scheme, self._freshness_ms[""])
        return self._clock() - kept.looked_at < freshness

    async def _looked_at(self, source: TableSource) -> "_KeptNewest":
        if _Key(source, "newest") in self._looks:
            kept = await self._look(source)
            # That look may have missed a commit made before this call. One that begins now cannot, whoever begins it.
            if self._is_fresh(source, kept):
                return kept
        return await self._look(source)

    async def _look(self, source: TableSource) -> "_KeptNewest":
        """The newest snapshot by the look that is under way, or by one that begins now."""
        key = _Key(source, "newest")

        async def look() -> _KeptNewest:
            looked_at = self._clock()
            known: _KeptNewest | None = self._kept.get(key)
            reader = open_table(source)
            if known is None:
                snapshot = await self._saved.newest(source, reader, keep_saved)
            else:
                snapshot = await reader.refresh(known.snapshot)
                meanwhile: _KeptNewest | None = self._kept.get(key)
                if snapshot is known.snapshot and meanwhile is not None:
                    snapshot = meanwhile.snapshot  # which may have been saved
                self._saved.save_again(source, reader, snapshot, keep_saved)
            kept = _KeptNewest(snapshot, looked_at)
            self._kept.put(key, kept, snapshot.files.private_bytes)
            return kept

        def keep_saved(snapshot: Snapshot) -> None:
            known: _KeptNewest | None = self._kept.get(key)
            if known is None or known.snapshot.version <= snapshot.version:
                looked_at = known.looked_at if known else NEVER
                self._kept.put(key, _KeptNewest(snapshot, looked_at), snapshot.files.private_bytes)

        return await self._once(key, look)

    async def _once(self, key: "_Key", load: Callable[[], Awaitable[Value]]) -> Value:
        """What `load` gives, or the one for the same key that is under way.

        It runs in a task of its own, so that a caller who goes away does not end it for the others.
        """

        async def run() -> Value:
            try:
                return await load()
            finally:
                # Here and not in a callback: a look that is done must not be joined.
                del self._looks[key]

        running = self._looks.get(key)
        if running is None:
            running = self._looks[key] = asyncio.create_task(run())
            running.add_done_callback(_take_error)
        result: Value = await asyncio.shield(running)
        return result


@dataclass(frozen=True, slots=True)
class _Key:
    """What is kept, or being looked at: of one table, by kind and, where there are several, by version."""

    source: TableSource
    kind: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class _KeptNewest:
    """A snapshot, and when its look at the log began."""

    snapshot: Snapshot
    looked_at: int


@dataclass(frozen=True, slots=True)
class _KeptDescription:
    """A version's protocol and metadata, and the commit that the log had of it."""

    description: Description
    proof: ObjectInfo


@dataclass(frozen=True, slots=True)
class _KeptHistory:
    """A history, and the proof of the newest snapshot that it goes up to."""

    history: CommitHistory
    newest: ObjectInfo | None


def _take_error(look: "asyncio.Task[Any]") -> None:
    """Callers get a failed look's error; where all of them went away, it is nobody's."""
    if not look.cancelled():
        look.exception()
