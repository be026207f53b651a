"""The read scope: what one authorized read may touch."""

from dataclasses import dataclass
from typing import Literal

AccessMode = Literal["url", "dir"]


@dataclass(frozen=True, slots=True)
class ReadScope:
    """What authorization yields. Every cache below it is keyed by the whole value and by no recipient or share name."""

    table_id: str
    history: bool
    start_version: int = 0
    access_modes: frozenset[AccessMode] = frozenset({"url"})
