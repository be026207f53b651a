"""Snapshots in memory: one look at a table at a time, and none while the last one is fresh enough."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakeshare.storage.locations import scheme_of
from lakeshare.tables.base import Snapshot, TableSource
from lakeshare.tables.formats import open_table


class SnapshotCache:
    """The newest snapshots of the tables that are read; the least recently used go first.

    `freshness_ms` says by scheme how long a snapshot is believed, under `""` for every scheme that it does not name.
    `max_bytes` bounds the frames that are kept; a bigger one is served, and not kept. `clock` gives epoch
    milliseconds. Belongs to one event loop.
    """

    def __init__(self, freshness_ms: Mapping[str, int], max_bytes: int, clock: Callable[[], int]) -> None:
        self._freshness_ms = freshness_ms
        self._max_bytes = max_bytes
        self._clock = clock
        self._kept: OrderedDict[TableSource, _Kept] = OrderedDict()
        self._looks: dict[TableSource, asyncio.Task[_Kept]] = {}

    async def snapshot(self, source: TableSource) -> Snapshot:
        """The table's version as of this call, or as of the freshness before it.

        Raises TableUnreadable, Unavailable, or InvalidValue where no reader knows the source.
        """
        kept = self._kept.get(source)
        if kept is None or not self._is_fresh(source, kept):
            kept = await self._looked_at(source)
        if source in self._kept:
            self._kept.move_to_end(source)
        return kept.snapshot

    def _is_fresh(self, source: TableSource, kept: "_Kept") -> bool:
        scheme = scheme_of(source.root)
        freshness = self._freshness_ms.get(scheme, self._freshness_ms[""])
        return self._clock() - kept.looked_at < freshness

    async def _looked_at(self, source: TableSource) -> "_Kept":
        running = self._looks.get(source)
        if running is not None:
            kept = await asyncio.shield(running)
            # That look may have missed a commit made before this call. One that begins now cannot, whoever begins it.
            if self._is_fresh(source, kept):
                return kept
        return await asyncio.shield(self._looks.get(source) or self._begin(source))

    def _begin(self, source: TableSource) -> "asyncio.Task[_Kept]":
        """A look in a task of its own, so that a caller who goes away does not end it for the others."""
        look = asyncio.create_task(self._look(source))
        look.add_done_callback(_take_error)
        self._looks[source] = look
        return look

    async def _look(self, source: TableSource) -> "_Kept":
        try:
            looked_at = self._clock()
            known = self._kept.get(source)
            reader = open_table(source)
            snapshot = await (reader.refresh(known.snapshot) if known else reader.load())
            kept = _Kept(snapshot, looked_at, int(snapshot.files.estimated_size()))
            self._keep(source, kept)
            return kept
        finally:
            # Here and not in a callback: a look that is done must not be joined.
            del self._looks[source]

    def _keep(self, source: TableSource, kept: "_Kept") -> None:
        self._kept.pop(source, None)
        if kept.size <= self._max_bytes:
            self._kept[source] = kept
        while sum(other.size for other in self._kept.values()) > self._max_bytes:
            self._kept.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A snapshot, when its look at the log began, and the bytes of its frame."""

    snapshot: Snapshot
    looked_at: int
    size: int


def _take_error(look: "asyncio.Task[_Kept]") -> None:
    """Callers get a failed look's error; where all of them went away, it is nobody's."""
    if not look.cancelled():
        look.exception()
