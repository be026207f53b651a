"""What every storage backend does: read objects below a root, and sign URLs for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import add
from typing import BinaryIO, Protocol


class ObjectMissing(Exception):  # noqa: N818  it is an answer that readers expect, not a failure
    """No object has this key. `key` is relative to the store's root."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object below a root. `key` is decoded and relative to the root; times are epoch milliseconds."""

    key: str
    size: int
    modified_ms: int


class ObjectStore(Protocol):
    """Reads the objects below one root. Raises ObjectMissing, or Unavailable where the store does not answer."""

    async def read(self, key: str) -> bytes:
        """The whole object."""

    async def open(self, key: str) -> BinaryIO:
        """The whole object as a file, which the caller closes: for one too big to be held beside what it says."""

    async def list(self, prefix: str, after: str = "") -> Sequence[ObjectInfo]:
        """The objects directly in the directory `prefix` (not below it), in key order; empty where there is none.

        Only keys that sort behind `after`, which may name no object.
        """

    async def infos(self, keys: Sequence[str]) -> Sequence[ObjectInfo | None]:
        """Each object's size and time, None where it is absent: the cheap question, of several at once."""


@dataclass(frozen=True, slots=True)
class SigningWindow:
    """A while whose URLs are all the same: `starts_at` is their time of signing, `expires_at` when they end.

    `ends_at` is when the next window begins, whose URLs are others. In epoch seconds.
    """

    starts_at: int
    expires_at: int
    ends_at: int


class UrlSigner(Protocol):
    """Signs the URLs of one table's files, all with one expiry.

    A URL is its base, which stays the same from one expiry to the next, and a fresh ending. Keys are as
    `resolve_log_path` gives them.
    """

    place: str
    """What bases depend on besides the key (endpoint, bucket, table): bases of one place may be kept."""
    issue: str
    """What endings depend on besides the key and the place (credential, time of signing, expiry)."""

    def bases(self, keys: Sequence[str]) -> list[str]:
        """The URLs up to their question mark, in order. Raises TableUnreadable where a key cannot be handed out."""

    def endings(self, keys: Sequence[str]) -> list[str]:
        """The URLs from their question mark on, in order. Raises as `bases` does."""

    def __call__(self, keys: Sequence[str]) -> list[str]:
        """The URLs, in order. Raises as `bases` does."""
        return list(map(add, self.bases(keys), self.endings(keys)))
