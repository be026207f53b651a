"""Reads a Delta table: from its newest complete checkpoint and the commits behind it, then commit by commit."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import ObjectInfo, ObjectMissing, ObjectStore
from lakeshare.storage.locations import resolve_log_path
from lakeshare.tables.base import Snapshot, TableMetadata, TableProtocol, TableSource
from lakeshare.tables.formats.delta.actions import Actions, merge_actions
from lakeshare.tables.formats.delta.checkpoints import parse_checkpoint
from lakeshare.tables.formats.delta.commits import parse_actions
from lakeshare.tables.formats.delta.listing import (
    LAST_CHECKPOINT,
    LOG,
    SIDECARS,
    Checkpoint,
    Listing,
    commit_key,
    parse_listing,
    version_prefix,
)
from lakeshare.tables.formats.delta.replay import active_files, comparable, replay, require_files_inside

READS_AT_ONCE = 16


async def detect(store: ObjectStore) -> bool:
    """Whether a Delta log, with a commit or a complete checkpoint, is at the store's root."""
    return parse_listing(await store.list(LOG)).latest >= 0


def open_table(source: TableSource, store: ObjectStore) -> "DeltaTable":
    return DeltaTable(source, store)


class DeltaTable:
    """The reader of one Delta table. Any protocol version and feature loads: what is served is decided elsewhere."""

    def __init__(self, source: TableSource, store: ObjectStore) -> None:
        self._source = source
        self._store = store

    async def load(self) -> Snapshot:
        hint = await self._hinted_version()
        # A hint may be wrong, and a log may be cleaned up while it is read: then a whole, fresh listing decides.
        for start in (hint, 0) if hint else (0,):
            with suppress(_LogIncomplete):
                return await self._load(start)
        try:
            return await self._load(0)
        except _LogIncomplete as error:
            raise TableUnreadable(error.message, detail=error.detail) from error

    async def refresh(self, snapshot: Snapshot) -> Snapshot:
        grown, proven = await asyncio.gather(
            self._store.exists(commit_key(snapshot.version + 1)), self._still_proves(snapshot)
        )
        if not proven:
            return _not_older(await self.load(), snapshot)
        if not grown:
            return snapshot
        try:
            return await self._advance(snapshot)
        except _LogIncomplete:
            return _not_older(await self.load(), snapshot)

    async def _still_proves(self, snapshot: Snapshot) -> bool:
        """Whether the log still holds what the snapshot's version was read from: else it was cleaned up or replaced."""
        proof = snapshot.proof
        return proof is not None and await self._store.info(proof.key) == proof

    async def _hinted_version(self) -> int:
        """The version that `_last_checkpoint` names, 0 where it does not help."""
        try:
            return msgspec.json.decode(await self._store.read(LAST_CHECKPOINT), type=_LastCheckpoint).version
        except (ObjectMissing, ValueError, RecursionError):
            return 0

    async def _load(self, start: int) -> Snapshot:
        """The newest version, from what the log lists from version `start` on."""
        listing = parse_listing(await self._store.list(LOG, after=version_prefix(start)))
        if listing.latest < 0:
            raise _LogIncomplete("it has no transaction log")
        base_version, base = await self._base(listing)
        tail = await self._tail(listing, base_version)
        protocol, metadata = tail.protocol or base.protocol, tail.metadata or base.metadata
        if protocol is None or metadata is None:
            raise TableUnreadable(f"its transaction log has no {'metadata' if protocol else 'protocol'}")
        files = await asyncio.to_thread(self._loaded_files, base, tail, metadata.partition_columns)
        committed = tail.in_commit_timestamp
        newest = listing.commits.get(listing.latest)
        if base_version == listing.latest and newest and _has_commit_timestamps(metadata):
            committed = (await self._actions([newest.key]))[0].in_commit_timestamp
        return _snapshot(listing, protocol, metadata, files, committed)

    async def _advance(self, snapshot: Snapshot) -> Snapshot:
        """The newest version, by the commits behind the one that `snapshot` has."""
        listing = parse_listing(await self._store.list(LOG, after=commit_key(snapshot.version)))
        if listing.latest <= snapshot.version:
            raise _LogIncomplete("its transaction log is being replaced")
        tail = await self._tail(listing, snapshot.version)
        metadata = tail.metadata or snapshot.metadata
        if metadata.partition_columns != snapshot.metadata.partition_columns:
            return await self.load()
        files = await asyncio.to_thread(self._advanced_files, snapshot.files, tail, metadata.partition_columns)
        return _snapshot(listing, tail.protocol or snapshot.protocol, metadata, files, tail.in_commit_timestamp)

    def _loaded_files(self, base: Actions, tail: Actions, partition_columns: Sequence[str]) -> pl.DataFrame:
        files = active_files(comparable(base.files, self._source.root, partition_columns))
        return self._advanced_files(files, tail, partition_columns)

    def _advanced_files(self, files: pl.DataFrame, tail: Actions, partition_columns: Sequence[str]) -> pl.DataFrame:
        files = replay(files, comparable(tail.files, self._source.root, partition_columns))
        require_files_inside(files, self._source.also)
        return files

    async def _base(self, listing: Listing) -> tuple[int, Actions]:
        """The newest checkpoint that can be read and is followed by every commit; version -1 where commits suffice."""
        newest = listing.checkpoints[0].version if listing.checkpoints else -1
        _require_commits(listing, newest)
        reason = ""
        for checkpoint in listing.checkpoints:
            if listing.missing_after(checkpoint.version) is not None:
                break
            try:
                return checkpoint.version, await self._checkpoint(checkpoint)
            except (_LogIncomplete, TableUnreadable) as error:
                reason = reason or f"{error.message}: {error.detail}"
        if listing.missing_after(-1) is not None:
            raise _LogIncomplete("its checkpoint cannot be read, and commits that could replace it are gone", reason)
        return -1, merge_actions([])

    async def _checkpoint(self, checkpoint: Checkpoint) -> Actions:
        parts = merge_actions(await self._actions([part.key for part in checkpoint.parts]))
        sidecars = [self._sidecar_key(path) for path in parts.sidecars]
        return merge_actions([parts, *await self._actions(sidecars)])

    def _sidecar_key(self, path: str) -> str:
        """A sidecar's path is a name in the sidecars' own directory, or absolute."""
        return resolve_log_path(path if "/" in path else f"{SIDECARS}/{path}", self._source.root)

    async def _tail(self, listing: Listing, version: int) -> Actions:
        """What all commits behind `version` say."""
        _require_commits(listing, version)
        commits = range(version + 1, listing.latest + 1)
        return merge_actions(await self._actions([listing.commits[number].key for number in commits]))

    async def _actions(self, keys: Sequence[str]) -> list[Actions]:
        """What each of these objects says. Parses in a thread."""
        actions: list[Actions] = []
        for start in range(0, len(keys), READS_AT_ONCE):
            batch = keys[start : start + READS_AT_ONCE]
            try:
                data = await asyncio.gather(*(self._store.read(key) for key in batch))
            except ObjectMissing as error:
                raise _LogIncomplete("its transaction log lists a file that is not there", error.key) from error
            actions += await asyncio.to_thread(_parse_all, batch, data)
        return actions


class _LogIncomplete(Exception):  # noqa: N818  a reason to look again, not yet an error
    """The log, as it was listed, does not give a version."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class _LastCheckpoint(msgspec.Struct, frozen=True):
    version: int


def _require_commits(listing: Listing, version: int) -> None:
    """Raises _LogIncomplete where a commit behind `version` is not there, though the log goes on."""
    missing = listing.missing_after(version)
    if missing is not None:
        raise _LogIncomplete(f"its transaction log lacks version {missing}")


def _parse_all(keys: Sequence[str], data: Sequence[bytes]) -> list[Actions]:
    return [_parse(key, content) for key, content in zip(keys, data, strict=True)]


def _parse(key: str, data: bytes) -> Actions:
    try:
        return parse_checkpoint(data) if key.endswith(".parquet") else parse_actions(data)
    except TableUnreadable as error:
        raise TableUnreadable(error.message, detail=f"{key}: {error.detail}") from error


def _snapshot(
    listing: Listing, protocol: TableProtocol, metadata: TableMetadata, files: pl.DataFrame, committed: int | None
) -> Snapshot:
    proof = _proof(listing)
    if committed is None or not _has_commit_timestamps(metadata):
        committed = proof.modified_ms
    return Snapshot(
        version=listing.latest,
        timestamp=committed,
        protocol=protocol,
        metadata=metadata,
        files=files,
        size_bytes=int(files["size"].sum()),
        proof=proof,
    )


def _proof(listing: Listing) -> ObjectInfo:
    """The newest commit; where it was cleaned up, the checkpoint of its version."""
    return listing.commits.get(listing.latest) or listing.checkpoints[0].parts[0]


def _has_commit_timestamps(metadata: TableMetadata) -> bool:
    return metadata.configuration.get("delta.enableInCommitTimestamps") == "true"


def _not_older(fresh: Snapshot, known: Snapshot) -> Snapshot:
    if fresh.metadata.id == known.metadata.id and fresh.version < known.version:
        raise TableUnreadable(f"its transaction log went back from version {known.version} to {fresh.version}")
    return fresh
