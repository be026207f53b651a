"""Large tables are opened from this machine's disk, and saved there behind the first answer."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import structlog

from lakeshare.errors import LakeshareError, TableUnreadable
from lakeshare.tables.base import Snapshot, TableReader, TableSource
from lakeshare.tables.disk_cache import DiskCache
from lakeshare.tables.saved_segments import SavedFiles, SavedVersion, load, save, saved_name

SAVED_FROM_BYTES = 4 << 20
"""A smaller table is as soon read from its log."""
RETRY_SECONDS = 60
"""How long the disk is left alone after it refused a table."""
SAVED_EVERY_VERSIONS = 256
"""So many commits behind the saved version are read again at the next start, at most."""

log = structlog.get_logger(__name__)

Keep = Callable[[Snapshot], None]


class SavedTables:
    """The snapshots on disk. Belongs to one event loop; what blocks runs in threads."""

    def __init__(self, disk: DiskCache) -> None:
        self._disk = disk
        self._saving: dict[TableSource, asyncio.Task[None]] = {}
        self._saved_version: dict[TableSource, int] = {}
        self._not_before: dict[TableSource, float] = {}

    async def newest(self, source: TableSource, reader: TableReader, keep: Keep) -> Snapshot:
        """The newest version: by what is saved and the commits behind it, else from the log.

        The log is read by one process of this machine at a time; the others wait for what it saves. `keep` gets the
        snapshot again once it is saved, and takes no memory any more. Raises as `TableReader.load` does.
        """
        found = await self._from_disk(source, reader)
        if found is not None:
            return found
        with ExitStack() as held:
            await asyncio.to_thread(held.enter_context, self._disk.lock(saved_name(source)))
            found = await self._from_disk(source, reader)
            if found is not None:
                return found
            snapshot = await reader.load()
            self._save_behind(source, reader, snapshot, keep, held.pop_all())
        return snapshot

    def save_again(self, source: TableSource, reader: TableReader, snapshot: Snapshot, keep: Keep) -> None:
        """Save a version that has grown away from the one that is saved; `keep` as above. Returns at once."""
        behind = snapshot.version - self._saved_version.get(source, snapshot.version)
        if not snapshot.files.segments[0].is_mapped or behind > SAVED_EVERY_VERSIONS:
            self._save_behind(source, reader, snapshot, keep, ExitStack())

    async def _from_disk(self, source: TableSource, reader: TableReader) -> Snapshot | None:
        saved = await asyncio.to_thread(load, self._disk, source)
        if saved is None:
            return None
        self._saved_version[source] = saved.version.version
        try:
            return await reader.refresh(_snapshot(saved))
        except TableUnreadable:
            # What is saved may be of a table that another one has replaced since: the log alone decides.
            return await reader.load()

    def _save_behind(
        self,
        source: TableSource,
        reader: TableReader,
        snapshot: Snapshot,
        keep: Keep,
        held: AbstractContextManager[object],
    ) -> None:
        is_refused = time.monotonic() < self._not_before.get(source, 0)
        is_small = source not in self._saved_version and snapshot.files.private_bytes < SAVED_FROM_BYTES
        if source in self._saving or is_refused or is_small:
            held.__exit__(None, None, None)
            return

        async def save_and_keep() -> None:
            with held:
                saved = await asyncio.to_thread(self._save, source, snapshot)
            if saved is None:
                self._not_before[source] = time.monotonic() + RETRY_SECONDS
                return
            self._saved_version[source] = saved.version.version
            try:
                keep(await reader.refresh(_snapshot(saved)))
            except LakeshareError as error:
                log.info("a table changed while it was saved", table_id=source.table_id, detail=error.detail)

        task = asyncio.create_task(save_and_keep())
        self._saving[source] = task
        task.add_done_callback(lambda _: self._saving.pop(source, None))

    def _save(self, source: TableSource, snapshot: Snapshot) -> SavedFiles | None:
        if snapshot.proof is None:
            return None
        version = SavedVersion(
            version=snapshot.version,
            timestamp=snapshot.timestamp,
            protocol=snapshot.protocol,
            metadata=snapshot.metadata,
            size_bytes=snapshot.size_bytes,
            proof=snapshot.proof,
        )
        return save(self._disk, source, version, snapshot.files)


def _snapshot(saved: SavedFiles) -> Snapshot:
    version = saved.version
    return Snapshot(
        version=version.version,
        timestamp=version.timestamp,
        protocol=version.protocol,
        metadata=version.metadata,
        files=saved.files,
        size_bytes=version.size_bytes,
        proof=version.proof,
    )
