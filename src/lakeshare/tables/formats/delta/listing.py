"""The names in a `_delta_log` directory."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from lakeshare.storage.base import ObjectInfo

LOG = "_delta_log"
LAST_CHECKPOINT = f"{LOG}/_last_checkpoint"
SIDECARS = f"{LOG}/_sidecars"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A complete checkpoint: one object, or all the parts of one, in order."""

    version: int
    parts: tuple[ObjectInfo, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """`commits` by version; `checkpoints` newest first. Incomplete checkpoints and compacted commits are left out."""

    commits: dict[int, ObjectInfo]
    checkpoints: tuple[Checkpoint, ...]

    @property
    def latest(self) -> int:
        """The newest version that the log has, -1 where it has none."""
        return max(max(self.commits, default=-1), self.checkpoints[0].version if self.checkpoints else -1)

    def missing_after(self, version: int) -> int | None:
        """The first version behind `version` whose commit is not there, though the log goes on."""
        return self.missing(version + 1, self.latest)

    def missing(self, start: int, end: int) -> int | None:
        """The first of these versions, both ends included, whose commit is not there."""
        return next((number for number in range(start, end + 1) if number not in self.commits), None)

    def up_to(self, version: int) -> "Listing":
        """The log as it was when that version was its newest."""
        commits = {number: found for number, found in self.commits.items() if number <= version}
        return Listing(commits, tuple(found for found in self.checkpoints if found.version <= version))

    def unbroken(self) -> list[ObjectInfo]:
        """The commits up to the newest version, without a gap; where it has none, its checkpoint alone."""
        if self.latest not in self.commits:
            return [self.checkpoints[0].parts[0]] if self.checkpoints else []
        first = self.latest
        while first - 1 in self.commits:
            first -= 1
        return [self.commits[version] for version in range(first, self.latest + 1)]

    def readable_from(self) -> int | None:
        """The first of the versions that can all be rebuilt, up to the newest; None where that cannot either."""
        first = self.latest - len(self.unbroken()) + 1
        bases = [found.version for found in self.checkpoints if found.version >= first - 1]
        return 0 if first == 0 and 0 in self.commits else min(bases, default=None)

    def has(self, version: int) -> bool:
        """Whether the version can be rebuilt."""
        log = self.up_to(version)
        return log.latest == version >= 0 and log.readable_from() is not None


def commit_key(version: int) -> str:
    return f"{version_prefix(version)}.json"


def version_prefix(version: int) -> str:
    """What the keys of this version's commit and checkpoints begin with; sorts ahead of them."""
    return f"{LOG}/{version:020d}"


def parse_listing(objects: Sequence[ObjectInfo]) -> Listing:
    commits = {}
    parts: dict[tuple[int, int, str], dict[int, ObjectInfo]] = defaultdict(dict)
    for found in objects:
        name = found.key.removeprefix(f"{LOG}/")
        if match := _COMMIT.fullmatch(name):
            commits[int(match[1])] = found
        elif match := _CHECKPOINT.fullmatch(name):
            unique = match["uuid"] or ""
            parts[int(match["version"]), int(match["parts"] or 1), unique][int(match["part"] or 1)] = found
    checkpoints = [
        Checkpoint(version, tuple(found[number] for number in range(1, count + 1)))
        for (version, count, _), found in parts.items()
        if len(found) == count and min(found) == 1 and max(found) == count
    ]
    return Listing(commits, tuple(sorted(checkpoints, key=lambda checkpoint: checkpoint.version, reverse=True)))


_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(
    r"(?P<version>\d{20})\.checkpoint\."
    r"(?:parquet|(?P<part>\d{10})\.(?P<parts>\d{10})\.parquet|(?P<uuid>[0-9a-fA-F-]{36})\.(?:json|parquet))"
)
