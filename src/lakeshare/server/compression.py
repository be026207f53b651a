"""gzip for answers of many lines: each chunk is sent as soon as it is compressed, so that the first byte stays fast."""

import zlib
from collections.abc import Iterator

from isal import isal_zlib

VARY = {"vary": "accept-encoding"}
GZIPPED = VARY | {"content-encoding": "gzip"}
SMALL_BYTES = 1024
"""Of a body that is not worth it."""

_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


def accepts_gzip(header: str | None) -> bool:
    """Whether Accept-Encoding (RFC 9110, section 12.5.3) takes gzip, and likes identity no better."""
    weights: dict[str, float] = {}
    for part in (header or "").lower().split(","):
        coding, _, parameter = part.partition(";")
        weights[coding.strip()] = _weight(parameter)
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def compress(body: bytes) -> bytes:
    """A whole body."""
    compressed: bytes = isal_zlib.compress(body, _LEVEL, wbits=_GZIP)
    return compressed


class GzippedChunks(Iterator[bytes]):
    """The chunks, compressed as they are pulled. Close it as the chunks themselves."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._deflate = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
        self._is_over = False

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        chunk = next(self._chunks, None)
        if chunk is None:
            return self.end_with(b"")
        compressed: bytes = self._deflate.compress(chunk) + self._deflate.flush(isal_zlib.Z_SYNC_FLUSH)
        return compressed

    def end_with(self, line: bytes) -> bytes:
        """The last bytes, with a last line, where the chunks cannot go on."""
        self._is_over = True
        compressed: bytes = self._deflate.compress(line) + self._deflate.flush()
        return compressed

    def close(self) -> None:
        close = getattr(self._chunks, "close", None)
        if close is not None:
            close()


def _weight(parameter: str) -> float:
    """The `q` of a coding: 1 where it has none, 0 where it is none."""
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
