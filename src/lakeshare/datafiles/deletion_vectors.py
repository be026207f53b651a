"""Deletion vectors: which rows of a data file are gone (delta-io/delta, PROTOCOL.md, "Deletion Vector Format").

A vector is a 64-bit Roaring bitmap in its portable form, behind a magic number. In a file it also has its length in
front and a checksum behind; inside the log it is Z85 text.
"""

import struct
import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

import polars as pl

from lakeshare.datafiles.z85 import decode_z85
from lakeshare.errors import TableUnreadable
from lakeshare.protocol.actions import DeletionVector

FRAME_BYTES = 8
"""What a file holds of a vector beside its `size_in_bytes`: the length in front and the CRC-32 behind."""


def deleted_rows(vector: DeletionVector, stored: bytes = b"") -> pl.Series:
    """The positions of the rows that are deleted, ascending, as UInt64; the first row of the data file is 0.

    `stored`: where the vector is not inline, the bytes of its file from `offset` on, `size_in_bytes` + FRAME_BYTES of
    them or more. Raises TableUnreadable where they are damaged, or are not the vector that was described.
    """
    try:
        inline = vector.storage_type == "i"
        data = _inline(vector) if inline else _framed(stored, vector.size_in_bytes)
        return pl.Series("row", list(_rows(data, vector.cardinality)), dtype=pl.UInt64)
    except (ValueError, struct.error) as error:
        raise TableUnreadable(
            "One of the table's deletion vectors is damaged.",
            hint="Ask the provider to look at it.",
            detail=str(error),
        ) from error


_BIG_U32 = Struct(">I")
_Z85_WORD = 4
_U16 = Struct("<H")
_U32 = Struct("<I")
_U64 = Struct("<Q")
_MAGIC = 1681511377
_WITH_RUNS = 12347
_WITHOUT_RUNS = 12346
_OFFSETS_FROM = 4
"""From so many containers on, a bitmap with runs has a table of offsets too."""
_ARRAY_MAX = 4096
_BITMAP_BYTES = 8192


def _inline(vector: DeletionVector) -> bytes:
    data = decode_z85(vector.path_or_inline_dv)
    if not 0 <= len(data) - vector.size_in_bytes < _Z85_WORD:
        raise ValueError(f"{len(data)} bytes, where {vector.size_in_bytes} are described")
    return data[: vector.size_in_bytes]


def _framed(stored: bytes, size: int) -> bytes:
    (length,) = _BIG_U32.unpack_from(stored)
    if length != size:
        raise ValueError(f"{length} bytes, where {size} are described")
    data = stored[4 : 4 + size]
    (checksum,) = _BIG_U32.unpack_from(stored, 4 + size)
    if zlib.crc32(data) != checksum:
        raise ValueError("the checksum differs")
    return data


def _rows(data: bytes, cardinality: int) -> Iterator[int]:
    """Raises ValueError before it yields more rows than there should be."""
    reader = _Reader(data)
    if reader.number(_U32) != _MAGIC:
        raise ValueError("it does not begin with the magic number")
    found = 0
    for _ in range(reader.number(_U64)):
        high = reader.number(_U32) << 32
        for container in _containers(reader):
            found += container.cardinality
            if found > cardinality:
                raise ValueError(f"it has more than the {cardinality} rows that are described")
            for low in container.values(reader):
                yield high | container.key << 16 | low
    if found != cardinality:
        raise ValueError(f"it has {found} rows, where {cardinality} are described")


@dataclass(frozen=True, slots=True)
class _Container:
    """Up to 65,536 numbers that share their upper bits: a sorted array, a bitmap or runs."""

    key: int
    cardinality: int
    has_runs: bool

    def values(self, reader: "_Reader") -> Sequence[int]:
        """Their lower 16 bits, ascending. To be called on the containers of a bitmap in turn."""
        if self.has_runs:
            return self._runs(reader)
        if self.cardinality <= _ARRAY_MAX:
            return reader.shorts(self.cardinality)
        bits = int.from_bytes(reader.take(_BITMAP_BYTES), "little")
        return self._counted([number for number, bit in enumerate(reversed(f"{bits:b}")) if bit == "1"])

    def _runs(self, reader: "_Reader") -> Sequence[int]:
        pairs = reader.shorts(2 * reader.number(_U16))
        values: list[int] = []
        for start, length in zip(pairs[::2], pairs[1::2], strict=True):
            values += range(start, start + length + 1)
            if len(values) > self.cardinality:
                break
        return self._counted(values)

    def _counted(self, values: list[int]) -> list[int]:
        if len(values) != self.cardinality:
            raise ValueError(f"a container has {len(values)} rows, and says {self.cardinality}")
        return values


def _containers(reader: "_Reader") -> list[_Container]:
    """The containers of one 32-bit bitmap, in its portable form (RoaringFormatSpec). Leaves the reader at the first."""
    cookie = reader.number(_U32)
    if cookie & 0xFFFF == _WITH_RUNS:
        count = (cookie >> 16) + 1
        flags = reader.take((count + 7) // 8)
    elif cookie == _WITHOUT_RUNS:
        count, flags = reader.number(_U32), b""
    else:
        raise ValueError(f"a bitmap begins with {cookie}")
    headers = reader.shorts(2 * count)
    if not flags or count >= _OFFSETS_FROM:
        reader.take(4 * count)
    return [
        _Container(headers[2 * n], headers[2 * n + 1] + 1, bool(flags and flags[n // 8] >> n % 8 & 1))
        for n in range(count)
    ]


@dataclass(slots=True)
class _Reader:
    """Reads a vector's bytes from front to back."""

    data: bytes
    at: int = 0

    def number(self, kind: Struct) -> int:
        (value,) = kind.unpack_from(self.data, self.at)
        self.at += kind.size
        return int(value)

    def shorts(self, count: int) -> "array[int]":
        values = array("H", self.take(2 * count))
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("it ends too early")
        self.at += count
        return taken
