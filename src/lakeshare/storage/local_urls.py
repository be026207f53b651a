"""Signed, expiring URLs for the files of local tables, which the server itself hands out.

    {public_url}/files/{table_id}/{root index}/{percent-encoded path}
        ?X-Amz-Credential={key id}&X-Amz-Expires={epoch seconds}&X-Amz-Signature={hex}

Root 0 is the table's location, root i its i-th additional root. The signature is HMAC-SHA256 over table id, root
index, expiry and decoded path. The official client looks for a plain http:// URL on the local disk unless a
parameter is named like a cloud's, and rewrites escapes: hence Amazon's names, and values that need no escapes.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import UrlSigner
from lakeshare.storage.locations import quote_paths

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


class LocalUrlSigner(UrlSigner):
    """Signs for one table and one expiry. `root` and `also` are locations; `public_url` has no trailing slash.

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
        files = f"{public_url}/files/{table_id}/"
        self.place = "\n".join((files, root, *also))
        self.issue = f"?{CREDENTIAL}={key_id}&{EXPIRES}={expires_at_seconds}&{SIGNATURE}="
        self._outer = hashlib.sha256(_padded(secret, 0x5C))
        self._roots = [
            _Root(
                location.rstrip("/") + "/",
                f"{files}{index}/",
                hashlib.sha256(_padded(secret, 0x36) + _signed_prefix(table_id, str(index), str(expires_at_seconds))),
            )
            for index, location in enumerate((root, *also))
        ]

    def bases(self, keys: Sequence[str]) -> list[str]:
        found = [self._find(key) for key in keys]
        paths = quote_paths([path for _, path in found])
        return [root.url + path for (root, _), path in zip(found, paths, strict=True)]

    def endings(self, keys: Sequence[str]) -> list[str]:
        return [self._ending(*self._find(key)) for key in keys]

    def _ending(self, root: "_Root", path: str) -> str:
        inner, outer = root.inner.copy(), self._outer.copy()
        inner.update(path.encode())
        outer.update(inner.digest())
        return self.issue + outer.hexdigest()

    def _find(self, key: str) -> "tuple[_Root, str]":
        return (self._roots[0], key) if "://" not in key else self._split(key)

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


def _signed_prefix(table_id: str, root: str, expires_at: str) -> bytes:
    """Everything that is signed before the path. The path comes last, for it alone may hold a newline."""
    return f"{table_id}\n{root}\n{expires_at}\n".encode()


def _padded(secret: bytes, pad: int) -> bytes:
    """The key's block of HMAC-SHA256 (RFC 2104)."""
    return bytes(byte ^ pad for byte in secret.ljust(64, b"\x00"))
