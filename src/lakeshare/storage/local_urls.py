"""Signed, expiring URLs for the files of local tables, which the server itself hands out.

    {public_url}/files/{table_id}/{root index}/{percent-encoded path}
        ?X-Amz-Credential={key id}&X-Amz-Expires={epoch seconds}&X-Amz-Signature={hex}

Root 0 is the table's location, root i its i-th additional root. The signature is HMAC-SHA256 over table id, root
index, expiry and decoded path. The official client looks for a plain http:// URL on the local disk unless a
parameter is named like a cloud's, and rewrites escapes: hence Amazon's names, and values that need no escapes.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lakeshare.errors import TableUnreadable
from lakeshare.storage.locations import quote_path

PURPOSE = "local file URLs"
"""What the key that signs them is derived for."""

CREDENTIAL, EXPIRES, SIGNATURE = "X-Amz-Credential", "X-Amz-Expires", "X-Amz-Signature"


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a signature covers. `root` (index) and `expires_at` (epoch seconds) are decimal, as the URL writes them."""

    table_id: str
    root: str
    path: str
    expires_at: str


def is_valid(secret: bytes, file: SignedFile, signature: str) -> bool:
    """Whether this key signed this file. Takes constant time; does not look at the clock."""
    message = _signed_prefix(file.table_id, file.root, file.expires_at) + file.path.encode()
    return hmac.compare_digest(hmac.digest(secret, message, "sha256").hex().encode(), signature.encode())


class LocalUrlSigner:
    """A `UrlSigner` for one table and one expiry. `root` and `also` are locations; `public_url` has no trailing slash.

    A key's hash state is prepared once and copied for every URL, which is twice as fast as `hmac.digest`.
    """

    def __init__(
        self,
        public_url: str,
        *,
        root: str,
        also: Sequence[str],
        table_id: str,
        key_id: str,
        secret: bytes,
        expires_at_seconds: int,
    ) -> None:
        self._tail = f"?{CREDENTIAL}={key_id}&{EXPIRES}={expires_at_seconds}&{SIGNATURE}="
        self._outer = hashlib.sha256(_padded(secret, 0x5C))
        self._roots = [
            _Root(
                location.rstrip("/") + "/",
                f"{public_url}/files/{table_id}/{index}/",
                hashlib.sha256(_padded(secret, 0x36) + _signed_prefix(table_id, str(index), str(expires_at_seconds))),
            )
            for index, location in enumerate((root, *also))
        ]

    def __call__(self, keys: Sequence[str]) -> list[str]:
        """The URLs, in order. Raises TableUnreadable where a key is under no local root of the table."""
        return [self._url(key) for key in keys]

    def _url(self, key: str) -> str:
        root, path = (self._roots[0], key) if "://" not in key else self._split(key)
        inner, outer = root.inner.copy(), self._outer.copy()
        inner.update(path.encode())
        outer.update(inner.digest())
        return f"{root.url}{_escape(path)}{self._tail}{outer.hexdigest()}"

    def _split(self, location: str) -> "tuple[_Root, str]":
        for root in self._roots:
            if location.startswith(root.location) and location.startswith("file://"):
                return root, location.removeprefix(root.location)
        raise TableUnreadable(
            "Its log names a file that this server cannot hand out.",
            hint="The provider can allow another directory with `lakeshare table create --also`.",
            detail=f"location {location!r}",
        )


@dataclass(frozen=True, slots=True)
class _Root:
    """`location` and `url` end with a slash; `inner` is HMAC's inner hash, fed up to the path."""

    location: str
    url: str
    inner: "hashlib._Hash"


_NEEDS_ESCAPE = re.compile(r"[^A-Za-z0-9/_.~=-]")


def _escape(path: str) -> str:
    """`quote_path`, quick where nothing needs it and where many files share a partition's directory."""
    if not _NEEDS_ESCAPE.search(path):
        return path
    directory, slash, name = path.rpartition("/")
    return _escaped_directory(directory) + slash + (quote_path(name) if _NEEDS_ESCAPE.search(name) else name)


_escaped_directory = lru_cache(maxsize=4096)(quote_path)


def _signed_prefix(table_id: str, root: str, expires_at: str) -> bytes:
    """Everything that is signed before the path. The path comes last, for it alone may hold a newline."""
    return f"{table_id}\n{root}\n{expires_at}\n".encode()


def _padded(secret: bytes, pad: int) -> bytes:
    """The key's block of HMAC-SHA256 (RFC 2104)."""
    return bytes(byte ^ pad for byte in secret.ljust(64, b"\x00"))
