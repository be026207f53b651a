"""What every storage backend does: read objects below a root, and sign URLs for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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

    async def info(self, key: str) -> ObjectInfo | None:
        """The object's size and time, None where it is absent: the cheap question."""

    async def exists(self, key: str) -> bool:
        """Whether the object is there."""


UrlSigner = Callable[[Sequence[str]], list[str]]
"""Signs the URLs of a batch of keys (as `resolve_log_path` gives them), all with one expiry."""
