"""The code in an activation link: which token it activates, and a proof that this server made it.

48 bytes as base64url: the token id (a UUID) and HMAC-SHA256(server key, token id, issue). It is recomputed, never
stored, so that nobody who reads the database can activate a token.
"""

import hmac
import uuid

from lakeshare.governance.base64url import decode, encode
from lakeshare.governance.keys import Key, Keyring

PURPOSE = "activation"


def activation_code(keyring: Keyring, token_id: str, issue: int) -> str:
    """The 64 URL-safe characters for this issue of a token's link. Raises ValueError where `token_id` is no UUID."""
    return _code(keyring.active(PURPOSE), token_id, issue)


def token_id_of(code: str) -> str | None:
    """The token that a code names, genuine or not; None where it is no code at all."""
    data = decode(code)
    return str(uuid.UUID(bytes=data[:16])) if data is not None and len(data) == _LENGTH else None


def is_genuine(keyring: Keyring, code: str, token_id: str, issue: int) -> bool:
    """Whether this server made the code for this issue, with its active or its previous key. Takes constant time."""
    given = code.encode("utf-8", "surrogatepass")
    found = [hmac.compare_digest(given, _code(key, token_id, issue).encode()) for key in keyring.accepted(PURPOSE)]
    return any(found)


_LENGTH = 48


def _code(key: Key, token_id: str, issue: int) -> str:
    token = uuid.UUID(token_id).bytes
    return encode(token + hmac.digest(key.secret, token + issue.to_bytes(8, "big"), "sha256"))
