"""A table's files at one version, saved on this machine's disk, for all workers and the next start.

The file is an uncompressed Arrow IPC file of one record batch, then the version's description as JSON, then the JSON's
length. It is mapped and not read: the kernel shares its pages among workers, and takes them back when it wants. Arrow
believes what it maps, so a damaged file could crash the process: disk_seals.py says which damage is found.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.ipc

from lakeshare.storage.base import ObjectInfo
from lakeshare.tables.base import FILE_COLUMNS, TableMetadata, TableProtocol, TableSource
from lakeshare.tables.disk_cache import CachedFile, DiskCache

LAYOUT = 1
"""Counts the layouts that this module had: a file of another one, or of other columns or fields, has another name."""

_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class SavedVersion:
    """A Snapshot without its files: what is saved beside them. See tables/base.py."""

    version: int
    timestamp: int
    protocol: TableProtocol
    metadata: TableMetadata
    size_bytes: int
    proof: ObjectInfo


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """`frame` is a mapped file's memory, in one chunk. `key` names its content, whichever process saved it."""

    version: SavedVersion
    frame: pl.DataFrame
    key: str


def save(disk: DiskCache, source: TableSource, version: SavedVersion, frame: pl.DataFrame) -> SavedSegment | None:
    """Save the files of a version in place of what is saved of the table; None where the disk refuses.

    `frame` has FILE_COLUMNS, and `partition_values` where the table is partitioned. Blocks for seconds at a million
    files. Where several may save at a time, `lock` the source.
    """

    def write(file: BinaryIO) -> None:
        # The newest level keeps text as views, which are mapped as they are; older ones would be copied into views.
        frame.write_ipc(
            file,
            compression="uncompressed",
            compat_level=pl.CompatLevel.newest(),
            record_batch_size=max(frame.height, 1),
        )
        description = msgspec.json.encode(version)
        file.write(description + len(description).to_bytes(_LENGTH_BYTES, "little"))

    cached = disk.write(saved_name(source), write)
    return None if cached is None else _opened(cached)


def load(disk: DiskCache, source: TableSource) -> SavedSegment | None:
    """What was saved last of the table, None where nothing is, or nothing that can be believed.

    It was right when it was saved: whether the log still holds its `proof` is the caller's question.
    """
    cached = disk.open(saved_name(source))
    return None if cached is None else _opened(cached)


def saved_name(source: TableSource) -> str:
    """Where a table's files are saved. A table that is read from elsewhere, or otherwise, has another name."""
    columns = {name: str(kind) for name, kind in FILE_COLUMNS.items()}
    identity = msgspec.json.encode((LAYOUT, columns, msgspec.json.schema(SavedVersion), source))
    return f"segments/{hashlib.sha256(identity).hexdigest()[:32]}"


def _opened(cached: CachedFile) -> SavedSegment:
    content = cached.content
    end = len(content) - _LENGTH_BYTES
    start = end - int.from_bytes(content[end:], "little")
    version = msgspec.json.decode(content[start:end], type=SavedVersion)
    table = pa.ipc.open_file(pa.py_buffer(content[:start])).read_all()
    frame = pl.DataFrame(pl.from_arrow(table, rechunk=False))
    return SavedSegment(version, frame, cached.digest)
