"""When a table's versions were committed, and which version there was at a time.

A commit's time is the one that it holds, from the version on at which the table began to keep in-commit timestamps
(delta-io/delta, PROTOCOL.md, "In-Commit Timestamps"), and its file's before. Only a listing is read at first, and
then the commits whose times are asked for: a search reads as many as a bisection needs.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lakeshare.errors import VersionGone
from lakeshare.storage.base import ObjectInfo


@dataclass(frozen=True, slots=True)
class CommitTime:
    """A version, and its time in epoch milliseconds."""

    version: int
    timestamp: int


ReadTime = Callable[[ObjectInfo], Awaitable[int | None]]
"""Reads the time that a commit holds, None where it holds none."""


class CommitHistory:
    """The versions `first` to `last`, whose commits the log has without a gap; `last` is the table's newest.

    Times rise from one version to the next: where file times do not, a version's is one more than the one before; and
    no file time reaches the first time that a commit holds itself. `stamped_from` is the version from which on commits
    hold their times, None where none does. Immutable but for `known`, the times that were read.
    """

    def __init__(
        self,
        first: int,
        commits: Sequence[ObjectInfo],
        *,
        stamped_from: int | None,
        read_time: ReadTime,
        known: Mapping[ObjectInfo, int] | None = None,
    ) -> None:
        self.first = first
        self.last = first + len(commits) - 1
        self._commits = commits
        self._file_times = rising_times([commit.modified_ms for commit in commits])
        self._stamped_from = None if stamped_from is None else max(stamped_from, first)
        self._read_time = read_time
        self.known = {commit: known[commit] for commit in commits if commit in known} if known else {}

    def __len__(self) -> int:
        return len(self._commits)

    def commit(self, version: int) -> ObjectInfo | None:
        """The log's own commit of the version, None where it has none."""
        return self._commits[version - self.first] if self.first <= version <= self.last else None

    def require(self, start: int, end: int) -> None:
        """Raises VersionGone where one of these versions, both ends included, is not there."""
        for version in (end, start):
            if not self.first <= version <= self.last:
                raise version_gone(version, self.first, self.last)

    async def time_of(self, version: int) -> CommitTime:
        """Raises VersionGone where the log has no commit of the version."""
        self.require(version, version)
        begin = self._stamped_from
        if begin is None or begin > self.last:
            return CommitTime(version, self._file_time(version))
        if version >= begin:
            return CommitTime(version, await self._time_held(version))
        return CommitTime(version, min(self._file_time(version), await self._time_held(begin) - (begin - version)))

    async def version_at(self, timestamp_ms: int) -> CommitTime:
        """The newest version at or before that time. Raises VersionGone where the log begins later."""
        after = await self._count_before(timestamp_ms + 1)
        if after == 0:
            begin = (await self.time_of(self.first)).timestamp
            raise VersionGone(
                f"The table has no version at {shown_time(timestamp_ms)} or before it.",
                hint=f"Its first version that is left is of {shown_time(begin)}.",
            )
        return await self.time_of(self.first + after - 1)

    async def version_from(self, timestamp_ms: int) -> CommitTime:
        """The oldest version at or after that time. Raises VersionGone where the newest is older."""
        before = await self._count_before(timestamp_ms)
        if before == len(self):
            end = (await self.time_of(self.last)).timestamp
            raise VersionGone(
                f"The table has no version at {shown_time(timestamp_ms)} or after it.",
                hint=f"Its newest version is of {shown_time(end)}.",
            )
        return await self.time_of(self.first + before)

    async def times(self) -> list[CommitTime]:
        """All of them, oldest first. Reads every commit that holds its own time."""
        return [await self.time_of(version) for version in range(self.first, self.last + 1)]

    async def _count_before(self, timestamp_ms: int) -> int:
        """How many versions are older than that, by bisection."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if (await self.time_of(self.first + middle)).timestamp < timestamp_ms:
                low = middle + 1
            else:
                high = middle
        return low

    def _file_time(self, version: int) -> int:
        return self._file_times[version - self.first]

    async def _time_held(self, version: int) -> int:
        commit = self._commits[version - self.first]
        if commit not in self.known:
            held = await self._read_time(commit)
            self.known[commit] = self._file_time(version) if held is None else held
        return self.known[commit]


def rising_times(times: Sequence[int], *, after: int | None = None) -> list[int]:
    """The times, each raised to one more than the one before it where it is not later; the first one by `after`."""
    rising: list[int] = []
    for time in times:
        after = time if after is None else max(time, after + 1)
        rising.append(after)
    return rising


def version_gone(version: int, first: int, last: int) -> VersionGone:
    """The refusal of a version, with those that can be read."""
    have = f"versions {first} to {last}" if first < last else f"version {first} only"
    return VersionGone(f"Version {version} cannot be read: the table has {have}.")


def shown_time(timestamp_ms: int) -> str:
    """A time as it is written to people, ISO 8601; the number itself where no calendar has it."""
    try:
        return (
            datetime.fromtimestamp(timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )
    except (ValueError, OverflowError, OSError):
        return f"{timestamp_ms} ms"
