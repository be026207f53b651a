"""The secret key and the purpose keys that derive from it (HKDF-SHA256, RFC 5869)."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True, slots=True)
class Key:
    """A derived key. `id` is 8 hex digits that name it in tokens and URLs, and tell nothing of the secret."""

    id: str
    secret: bytes = field(repr=False)


class Keyring:
    """The active secret key (32 bytes) and, while keys are being replaced, the previous one."""

    def __init__(self, active: bytes, previous: bytes | None = None) -> None:
        self._secrets = (active,) if previous is None else (active, previous)

    def active(self, purpose: str) -> Key:
        """The key that signs new things of this purpose."""
        return _derive(self._secrets[0], purpose)

    def find(self, purpose: str, key_id: str) -> Key | None:
        """The key, active or previous, that a token or URL names."""
        return next((key for key in self.accepted(purpose) if key.id == key_id), None)

    def accepted(self, purpose: str) -> tuple[Key, ...]:
        """The keys that may have made a thing of this purpose that names none: active first."""
        return tuple(_derive(secret, purpose) for secret in self._secrets)


@lru_cache(maxsize=64)
def _derive(secret: bytes, purpose: str) -> Key:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"lakeshare/{purpose}".encode()).derive(secret)
    return Key(hashlib.sha256(b"key id" + derived).hexdigest()[:8], derived)
