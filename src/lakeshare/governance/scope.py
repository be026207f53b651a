"""The read scope: what one authorized read may touch."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

AccessMode = Literal["url", "dir"]


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What authorization yields. Every cache below it is keyed by the whole value and by no recipient or share name.

    Without `history` only the current version may be read. `start_version` 0 bounds nothing.
    """

    table_id: str
    history: bool
    start_version: int = 0
    access_modes: frozenset[AccessMode] = frozenset({"url"})

    @property
    def first_change(self) -> int:
        """The first version whose changes may be read: the start's own would tell of what was there before it."""
        return self.start_version + 1 if self.start_version else 0


def scope_hash(scope: ReadScope) -> str:
    """16 hex digits that stand for the whole scope in tokens: the same in every process."""
    text = json.dumps(asdict(scope), default=sorted, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
