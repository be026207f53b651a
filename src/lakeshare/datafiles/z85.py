"""Z85, the text in which Delta's log writes the bytes of deletion vectors and their UUIDs."""

from collections.abc import Sequence


def decode_z85(text: str) -> bytes:
    """ZeroMQ's Base85 (rfc.zeromq.org/spec/32). Raises ValueError where the text is not that."""
    if len(text) % 5:
        raise ValueError("its length is no multiple of 5")
    try:
        digits = [_DIGITS[character] for character in text]
    except KeyError as error:
        raise ValueError(f"it holds {error}") from error
    words = (_word(digits[start : start + 5]) for start in range(0, len(digits), 5))
    return b"".join(word.to_bytes(4, "big") for word in words)


def _word(digits: Sequence[int]) -> int:
    word = 0
    for digit in digits:
        word = word * 85 + digit
    if word >= 1 << 32:
        raise ValueError("five characters stand for more than four bytes")
    return word


_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_DIGITS = {character: digit for digit, character in enumerate(_ALPHABET)}
