"""Reads the objects of a Delta log: listings, checkpoints with their sidecars, commits."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import ObjectInfo, ObjectMissing, ObjectStore
from lakeshare.storage.locations import resolve_log_path
from lakeshare.tables.formats.delta.actions import Actions, merge_actions
from lakeshare.tables.formats.delta.checkpoints import parse_checkpoint
from lakeshare.tables.formats.delta.commits import parse_actions, parse_commit_time
from lakeshare.tables.formats.delta.listing import LAST_CHECKPOINT, LOG, SIDECARS, Checkpoint, Listing, parse_listing

READS_AT_ONCE = 16
BATCH_BYTES = 32 << 20


class LogIncomplete(Exception):  # noqa: N818  a reason to look again, not yet an error
    """The log, as it was listed, does not give a version."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class DeltaLog:
    """The log below one root. `files=False` leaves out whatever is about files, which is quick."""

    def __init__(self, root: str, store: ObjectStore) -> None:
        self._root = root
        self._store = store

    async def look(self, after: str = "") -> Listing:
        """What is there now and sorts behind the key `after`."""
        return parse_listing(await self._store.list(LOG, after=after))

    async def hinted_version(self) -> int:
        """The version that `_last_checkpoint` names, 0 where it does not help."""
        try:
            return msgspec.json.decode(await self._store.read(LAST_CHECKPOINT), type=_LastCheckpoint).version
        except (ObjectMissing, ValueError, RecursionError):
            return 0

    async def base(self, listing: Listing, *, files: bool = True) -> tuple[int, Actions]:
        """The newest checkpoint that can be read and is followed by every commit; version -1 where commits suffice."""
        newest = listing.checkpoints[0].version if listing.checkpoints else -1
        _require_commits(listing, newest)
        reason = ""
        for checkpoint in listing.checkpoints:
            if listing.missing_after(checkpoint.version) is not None:
                break
            try:
                return checkpoint.version, await self._checkpoint(checkpoint, files=files)
            except (LogIncomplete, TableUnreadable) as error:
                reason = reason or f"{error.message}: {error.detail}"
        if listing.missing_after(-1) is not None:
            raise LogIncomplete("its checkpoint cannot be read, and commits that could replace it are gone", reason)
        return -1, merge_actions([])

    async def tail(self, listing: Listing, version: int, *, files: bool = True) -> Actions:
        """What all commits behind `version` say."""
        _require_commits(listing, version)
        commits = range(version + 1, listing.latest + 1)
        return merge_actions(await self.actions([listing.commits[number].key for number in commits], files=files))

    async def actions(self, keys: Sequence[str], *, files: bool = True) -> list[Actions]:
        """What each of these commits says. Parses in a thread."""
        actions: list[Actions] = []
        for start in range(0, len(keys), READS_AT_ONCE):
            batch = keys[start : start + READS_AT_ONCE]
            try:
                data = await asyncio.gather(*(self._store.read(key) for key in batch))
            except ObjectMissing as error:
                raise LogIncomplete("its transaction log lists a file that is not there", error.key) from error
            actions += await asyncio.to_thread(_parse_all, batch, data, files=files)
        return actions

    async def commit_time(self, commit: ObjectInfo) -> int | None:
        """The time that a commit holds itself."""
        try:
            data = await self._store.read(commit.key)
        except ObjectMissing as error:
            raise LogIncomplete("its transaction log lists a file that is not there", error.key) from error
        try:
            return parse_commit_time(data)
        except TableUnreadable as error:
            raise TableUnreadable(error.message, detail=f"{commit.key}: {error.detail}") from error

    async def _checkpoint(self, checkpoint: Checkpoint, *, files: bool) -> Actions:
        parts = await self._parts([part.key for part in checkpoint.parts], files=files)
        sidecars = [self._sidecar_key(path) for part in parts for path in part.sidecars]
        return merge_actions([*parts, *await self._parts(sidecars)])

    async def _parts(self, keys: Sequence[str], *, files: bool = True) -> list[Actions]:
        """What each of these parts of a checkpoint says. In several threads: one decodes one row group."""
        at_once = pl.thread_pool_size()
        actions: list[Actions] = []
        for start in range(0, len(keys), at_once):
            batch = keys[start : start + at_once]
            # All of them end before one's error is raised: else an open file would be left behind.
            read = await asyncio.gather(*(self._part(key, files=files) for key in batch), return_exceptions=True)
            for part in read:
                if isinstance(part, BaseException):
                    raise part
                actions.append(part)
        return actions

    async def _part(self, key: str, *, files: bool) -> Actions:
        if not key.endswith(".parquet"):
            return (await self.actions([key], files=files))[0]
        try:
            file = await self._store.open(key)
        except ObjectMissing as error:
            raise LogIncomplete("its transaction log lists a file that is not there", error.key) from error
        return await asyncio.to_thread(_parse_part, key, file, files=files)

    def _sidecar_key(self, path: str) -> str:
        """A sidecar's path is a name in the sidecars' own directory, or absolute."""
        return resolve_log_path(path if "/" in path else f"{SIDECARS}/{path}", self._root)


def batches(commits: Sequence[ObjectInfo]) -> Iterator[Sequence[ObjectInfo]]:
    """Runs of commits that can be in memory together: a few megabytes, or a single one that is bigger."""
    start, size = 0, 0
    for number, commit in enumerate(commits):
        if number > start and (size + commit.size > BATCH_BYTES or number - start == READS_AT_ONCE):
            yield commits[start:number]
            start, size = number, 0
        size += commit.size
    if start < len(commits):
        yield commits[start:]


class _LastCheckpoint(msgspec.Struct, frozen=True):
    version: int


def _require_commits(listing: Listing, version: int) -> None:
    """Raises LogIncomplete where a commit behind `version` is not there, though the log goes on."""
    missing = listing.missing_after(version)
    if missing is not None:
        raise LogIncomplete(f"its transaction log lacks version {missing}")


def _parse_all(keys: Sequence[str], data: Sequence[bytes], *, files: bool) -> list[Actions]:
    return [_parse(key, content, files=files) for key, content in zip(keys, data, strict=True)]


def _parse(key: str, data: bytes, *, files: bool) -> Actions:
    try:
        return parse_actions(data, files=files)
    except TableUnreadable as error:
        raise TableUnreadable(error.message, detail=f"{key}: {error.detail}") from error


def _parse_part(key: str, file: BinaryIO, *, files: bool) -> Actions:
    try:
        with file:
            return parse_checkpoint(file, files=files)
    except TableUnreadable as error:
        raise TableUnreadable(error.message, detail=f"{key}: {error.detail}") from error
