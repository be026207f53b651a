"""Reads a Delta table: from a complete checkpoint and the commits behind it, then commit by commit."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import polars as pl

from lakeshare.datafiles.file_changes import changed
from lakeshare.datafiles.files import FileList, Segment
from lakeshare.errors import TableUnreadable, Unavailable
from lakeshare.storage.base import ObjectInfo, ObjectStore
from lakeshare.tables.base import (
    Commit,
    Description,
    Snapshot,
    TableMetadata,
    TableProtocol,
    TableSource,
    physical_partition_columns,
)
from lakeshare.tables.formats.delta.actions import Actions
from lakeshare.tables.formats.delta.deletion_vectors import require_vectors_inside
from lakeshare.tables.formats.delta.listing import Listing, commit_key, version_prefix
from lakeshare.tables.formats.delta.log import BATCH_BYTES, DeltaLog, LogIncomplete, batches
from lakeshare.tables.formats.delta.replay import active_files, comparable, outcome, require_files_inside
from lakeshare.tables.history import CommitHistory, rising_times, version_gone

NEAR_VERSIONS = 32
"""Reading so many small commits is cheaper than reading a checkpoint."""


async def detect(store: ObjectStore) -> bool:
    """Whether a Delta log, with a commit or a complete checkpoint, is at the store's root."""
    return (await DeltaLog("", store).look()).latest >= 0


def open_table(source: TableSource, store: ObjectStore) -> "DeltaTable":
    return DeltaTable(source, store)


class DeltaTable:
    """The reader of one Delta table. Any protocol version and feature loads: what is served is decided elsewhere."""

    def __init__(self, source: TableSource, store: ObjectStore) -> None:
        self._source = source
        self._store = store
        self._log = DeltaLog(source.root, store)

    async def load(self, version: int | None = None, *, history: CommitHistory | None = None) -> Snapshot:
        if version is None:
            return await self._newest()
        snapshot = await _looked_at_twice(lambda: self._as_of(version))
        history = history or await self.history()
        if history.commit(version) != snapshot.proof:
            return snapshot
        return replace(snapshot, timestamp=(await history.time_of(version)).timestamp)

    async def metadata_at(self, version: int, *, newest: Snapshot | None = None) -> Description:
        if newest and version <= newest.version and await self._is_unchanged(version, newest):
            return newest.protocol, newest.metadata
        return await _looked_at_twice(lambda: self._described(version))

    async def history(self, newest: Snapshot | None = None, *, known: CommitHistory | None = None) -> CommitHistory:
        listing = await self._log.look()
        if newest is None:
            metadata = (await self.metadata_at(listing.latest))[1]
        else:
            listing, metadata = listing.up_to(newest.version), newest.metadata
        commits = listing.unbroken()
        if not commits:
            raise TableUnreadable("it has no transaction log")
        return CommitHistory(
            listing.latest - len(commits) + 1,
            commits,
            stamped_from=_stamped_from(metadata),
            read_time=self._time_held,
            known=known.known if known else None,
        )

    async def commits(
        self, start: int, end: int, *, history: CommitHistory | None = None, metadata: TableMetadata | None = None
    ) -> AsyncIterator[Commit]:
        history = history or await self.history()
        history.require(start, end)
        listing = await self._log.look(after=version_prefix(start))
        gone = listing.missing(start, end)
        if gone is not None:
            fresh = await self.history()
            raise version_gone(gone, fresh.first, fresh.last)
        version = start
        for batch in batches([listing.commits[number] for number in range(start, end + 1)]):
            for actions in await self._read_commits(batch, history):
                metadata = actions.metadata or metadata or (await self.metadata_at(version))[1]
                files = await asyncio.to_thread(self._changed_files, actions, metadata)
                timestamp = (await history.time_of(version)).timestamp
                yield Commit(version, timestamp, files, actions.protocol, actions.metadata)
                version += 1

    async def refresh(self, snapshot: Snapshot) -> Snapshot:
        proof = snapshot.proof
        if proof is None:
            return _not_older(await self.load(), snapshot)
        found, following = await self._store.infos([proof.key, commit_key(snapshot.version + 1)])
        if found != proof:  # the log was cleaned up or replaced
            return _not_older(await self.load(), snapshot)
        if following is None:
            return snapshot
        try:
            return await self._advance(snapshot)
        except LogIncomplete:
            return _not_older(await self.load(), snapshot)

    async def _newest(self) -> Snapshot:
        hint = await self._log.hinted_version()
        # A hint may be wrong, and a log may be cleaned up while it is read: then a whole, fresh listing decides.
        if hint:
            with suppress(LogIncomplete):
                return await self._rebuild(await self._log.look(after=version_prefix(hint)))
        return await _looked_at_twice(self._rebuild_newest)

    async def _rebuild_newest(self) -> Snapshot:
        return await self._rebuild(await self._log.look())

    async def _as_of(self, version: int) -> Snapshot:
        return await self._rebuild(await self._list_up_to(version))

    async def _described(self, version: int) -> Description:
        listing = await self._list_up_to(version)
        base_version, base = await self._log.base(listing, files=False)
        return _description(base, await self._log.tail(listing, base_version, files=False))

    async def _list_up_to(self, version: int) -> Listing:
        """The log as it was at that version. Raises VersionGone where it cannot be rebuilt."""
        listing = await self._log.look()
        first = listing.readable_from()
        if first is None:
            raise LogIncomplete("its transaction log has a gap" if listing.latest >= 0 else "it has no transaction log")
        if not listing.has(version):
            raise version_gone(version, first, listing.latest)
        return listing.up_to(version)

    async def _rebuild(self, listing: Listing) -> Snapshot:
        """The newest version of what is listed."""
        if listing.latest < 0:
            raise LogIncomplete("it has no transaction log")
        base_version, base = await self._log.base(listing)
        tail = await self._log.tail(listing, base_version)
        protocol, metadata = _description(base, tail)
        files = await asyncio.to_thread(self._loaded_files, base, tail, physical_partition_columns(metadata))
        committed = tail.in_commit_timestamp
        newest = listing.commits.get(listing.latest)
        if base_version == listing.latest and newest and _has_commit_timestamps(metadata):
            committed = await self._log.commit_time(newest)
        return _snapshot(listing, protocol, metadata, files, committed)

    async def _advance(self, snapshot: Snapshot) -> Snapshot:
        """The newest version, by the commits behind the one that `snapshot` has."""
        listing = await self._log.look(after=commit_key(snapshot.version))
        if listing.latest <= snapshot.version:
            raise LogIncomplete("its transaction log is being replaced")
        tail = await self._log.tail(listing, snapshot.version)
        metadata = tail.metadata or snapshot.metadata
        columns = physical_partition_columns(metadata)
        if columns != physical_partition_columns(snapshot.metadata):
            return await self.load()
        files = await asyncio.to_thread(self._advanced_files, snapshot.files, tail, columns)
        protocol = tail.protocol or snapshot.protocol
        return _snapshot(listing, protocol, metadata, files, tail.in_commit_timestamp, after=snapshot.timestamp)

    def _loaded_files(self, base: Actions, tail: Actions, partition_columns: Sequence[str]) -> FileList:
        checkpoint = active_files(comparable(base.files, self._source.root, partition_columns))
        gone, added = outcome(comparable(tail.files, self._source.root, partition_columns))
        files = changed(FileList.of(Segment(checkpoint)), gone, added)
        for active in files.frames("path", "deletion_vector_id", "deletion_vector"):
            self._require_inside(active)
        return files

    def _advanced_files(self, files: FileList, tail: Actions, partition_columns: Sequence[str]) -> FileList:
        gone, added = outcome(comparable(tail.files, self._source.root, partition_columns))
        self._require_inside(added)
        return changed(files, gone, added)

    def _changed_files(self, actions: Actions, metadata: TableMetadata) -> pl.DataFrame:
        files = comparable(actions.files, self._source.root, physical_partition_columns(metadata))
        self._require_inside(files)
        return files

    def _require_inside(self, files: pl.DataFrame) -> None:
        require_files_inside(files, self._source.also)
        require_vectors_inside(files, self._source.root, self._source.also)

    async def _read_commits(self, batch: Sequence[ObjectInfo], history: CommitHistory) -> list[Actions]:
        """What each of these commits says. Their times need not be read again."""
        try:
            read = await self._log.actions([commit.key for commit in batch])
        except LogIncomplete as error:
            raise Unavailable("The table's log is being cleaned up.", hint="Try again.", detail=error.detail) from error
        times = {commit: actions.in_commit_timestamp for commit, actions in zip(batch, read, strict=True)}
        history.known |= {commit: time for commit, time in times.items() if time is not None}
        return read

    async def _time_held(self, commit: ObjectInfo) -> int | None:
        """The time that a commit of a history holds; none any more where it was cleaned up since."""
        with suppress(LogIncomplete):
            return await self._log.commit_time(commit)
        return None

    async def _is_unchanged(self, version: int, newest: Snapshot) -> bool:
        """Whether the few, small commits since `version` leave protocol and metadata as they are."""
        if newest.version - version > NEAR_VERSIONS:
            return False
        listing = await self._log.look(after=version_prefix(version))
        since = [listing.commits.get(number) for number in range(version, newest.version + 1)]
        commits = [commit for commit in since if commit]
        if len(commits) < len(since) or sum(commit.size for commit in commits) > BATCH_BYTES:
            return False
        with suppress(LogIncomplete):
            read = await self._log.actions([commit.key for commit in commits[1:]], files=False)
            return not any(actions.protocol or actions.metadata for actions in read)
        return False


Value = TypeVar("Value")


async def _looked_at_twice(read: Callable[[], Awaitable[Value]]) -> Value:
    """A log may be cleaned up while it is read: then a fresh listing decides."""
    with suppress(LogIncomplete):
        return await read()
    try:
        return await read()
    except LogIncomplete as error:
        raise TableUnreadable(error.message, detail=error.detail) from error


def _description(base: Actions, tail: Actions) -> Description:
    protocol, metadata = tail.protocol or base.protocol, tail.metadata or base.metadata
    if protocol is None or metadata is None:
        raise TableUnreadable(f"its transaction log has no {'metadata' if protocol else 'protocol'}")
    return protocol, metadata


def _snapshot(
    listing: Listing,
    protocol: TableProtocol,
    metadata: TableMetadata,
    files: FileList,
    committed: int | None,
    *,
    after: int | None = None,
) -> Snapshot:
    """The newest version of the listing, where `after` is the time of the version before the listing."""
    if committed is None or not _has_commit_timestamps(metadata):
        committed = rising_times([commit.modified_ms for commit in listing.unbroken()], after=after)[-1]
    return Snapshot(
        version=listing.latest,
        timestamp=committed,
        protocol=protocol,
        metadata=metadata,
        files=files,
        size_bytes=files.size_bytes(),
        proof=listing.unbroken()[-1],
    )


def _has_commit_timestamps(metadata: TableMetadata) -> bool:
    return metadata.configuration.get("delta.enableInCommitTimestamps") == "true"


def _stamped_from(metadata: TableMetadata) -> int | None:
    """The version from which on commits hold their times: from the first, where no property says that it is later."""
    if not _has_commit_timestamps(metadata):
        return None
    version = metadata.configuration.get("delta.inCommitTimestampEnablementVersion", "0")
    return int(version) if _VERSION.fullmatch(version) else 0


_VERSION = re.compile("[0-9]{1,19}")


def _not_older(fresh: Snapshot, known: Snapshot) -> Snapshot:
    if fresh.metadata.id == known.metadata.id and fresh.version < known.version:
        raise TableUnreadable(f"its transaction log went back from version {known.version} to {fresh.version}")
    return fresh
