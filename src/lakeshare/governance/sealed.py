"""Sealed tokens: bytes that a client hands back to us, authenticated but readable.

Base64url of the key id (4 bytes), the payload and its HMAC-SHA256 (32 bytes). A key belongs to one purpose, so a
token of one purpose is garbage to every other.
"""

import hmac

from lakeshare.governance.base64url import decode, encode
from lakeshare.governance.keys import Key, Keyring


def seal(key: Key, payload: bytes) -> str:
    """A URL-safe token that holds the payload. The payload is not encrypted."""
    body = bytes.fromhex(key.id) + payload
    return encode(body + hmac.digest(key.secret, body, "sha256"))


def unseal(keyring: Keyring, purpose: str, text: str) -> bytes | None:
    """The payload; None for anything that `seal` did not write with a key of this purpose."""
    data = decode(text)
    if data is None or len(data) < _KEY_ID + _MAC:
        return None
    body, mac = data[:-_MAC], data[-_MAC:]
    key = keyring.find(purpose, body[:_KEY_ID].hex())
    if key is None or not hmac.compare_digest(mac, hmac.digest(key.secret, body, "sha256")):
        return None
    return body[_KEY_ID:]


_KEY_ID = 4
_MAC = 32
