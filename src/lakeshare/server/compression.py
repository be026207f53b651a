"""gzip for answers of many lines: each chunk is compressed by itself, so that it is sent at once and can be kept."""

import zlib
from collections.abc import Generator, Iterator
from struct import Struct

from isal import isal_zlib

from lakeshare.operations.answers import Chunk

VARY = {"vary": "accept-encoding"}
GZIPPED = VARY | {"content-encoding": "gzip"}
SMALL_BYTES = 1024
"""Of a body that is not worth it."""

_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS
_HEADER = bytes.fromhex("1f8b 08 00 00000000 00 ff")
"""RFC 1952: deflate, no flags, no time, no system."""
_CHECK = Struct("<II")
"""What ends a gzip member: crc32 and length of what was compressed."""


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


def deflate(lines: bytes) -> bytes:
    """Lines as `GzippedChunks` takes them: deflate blocks that need nothing before them, then crc32 and length."""
    blocks = isal_zlib.compressobj(_LEVEL, wbits=_RAW)
    packed: bytes = blocks.compress(lines) + blocks.flush(isal_zlib.Z_FULL_FLUSH)
    return packed + _CHECK.pack(isal_zlib.crc32(lines), len(lines))


class GzippedChunks(Iterator[bytes]):
    """What clients get of chunks that are encoded by `deflate`: one gzip member, since some read no other.

    A body that is small and over with its first chunk is told as it is; `is_gzip` says so once that was pulled. Close
    it as the chunks themselves.
    """

    def __init__(self, chunks: Generator[Chunk, None, None]) -> None:
        self._chunks = chunks
        self._crc, self._size = 0, 0
        self._is_over = False
        self.is_gzip = False

    def __next__(self) -> bytes:
        if self._is_over:
            raise StopIteration
        chunk = next(self._chunks)
        blocks, (crc, size) = chunk.lines[: -_CHECK.size], _CHECK.unpack(chunk.lines[-_CHECK.size :])
        if not self.is_gzip:
            if chunk.end is not None and size + len(chunk.end) < SMALL_BYTES:
                self._is_over = True
                lines: bytes = isal_zlib.decompressobj(wbits=_RAW).decompress(blocks)
                return lines + chunk.end
            self.is_gzip = True
            blocks = _HEADER + blocks
        self._crc = isal_zlib.crc32_combine(self._crc, crc, size)
        self._size += size
        return blocks if chunk.end is None else blocks + self.end_with(chunk.end)

    def end_with(self, line: bytes) -> bytes:
        """The last bytes, with a last line: where the chunks end, or cannot go on."""
        self._is_over = True
        last: bytes = isal_zlib.compress(line, _LEVEL, wbits=_RAW)
        return last + _CHECK.pack(isal_zlib.crc32(line, self._crc), (self._size + len(line)) % 2**32)

    def close(self) -> None:
        self._chunks.close()


def _weight(parameter: str) -> float:
    """The `q` of a coding: 1 where it has none, 0 where it is none."""
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
