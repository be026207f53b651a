"""Bearer tokens: `lks_`, 43 characters that hold 256 random bits, 6 characters of checksum.

Only their SHA-256 is stored: with that much entropy a slow hash would add nothing.
"""

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "lks_"


def mint_token() -> str:
    """A new token, drawn from the system's randomness. It is shown once and never stored."""
    body = PREFIX + _base62(secrets.randbits(256), 43)
    return body + _checksum(body)


def token_hash(token: str) -> bytes:
    """The 32 bytes that are stored in a token's place."""
    return hashlib.sha256(token.encode()).digest()


def is_well_formed(token: str) -> bool:
    """Whether the checksum holds: tells a mistyped or cut token apart without a look-up, and proves nothing."""
    return _SHAPE.fullmatch(token) is not None and _checksum(token[:-6]) == token[-6:]


_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SHAPE = re.compile(r"lks_[0-9A-Za-z]{49}")


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, length: int) -> str:
    """`length` digits, most significant first. Base 62 keeps a token one word to a double click."""
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
