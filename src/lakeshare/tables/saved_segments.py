"""A table's files at one version, saved on this machine's disk, for all workers and the next start.

The file is an uncompressed Arrow IPC file with a record batch a segment, then the list's rows as numbers of 32 bits,
then the version's description as JSON, then the JSON's length. It is mapped and not read: the kernel shares its pages
among workers, and takes them back when it wants. Arrow believes what it maps, so the file must be whole: disk_seals.py
says what is checked.
"""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.ipc

from lakeshare.datafiles.files import FileList, Segment
from lakeshare.storage.base import ObjectInfo
from lakeshare.tables.base import FILE_COLUMNS, TableMetadata, TableProtocol, TableSource
from lakeshare.tables.disk_cache import CachedFile, DiskCache

LAYOUT = 2
"""Counts the layouts that this module had, so that a file of another one has another name."""

_LENGTH_BYTES = 8
_ROW_BYTES = 4


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
class SavedFiles:
    """`files` are a mapped file's memory. The keys of their segments name their content, whichever process saved it."""

    version: SavedVersion
    files: FileList


def save(disk: DiskCache, source: TableSource, version: SavedVersion, files: FileList) -> SavedFiles | None:
    """Save the files of a version in place of what is saved of the table; None where the disk refuses.

    Their frames have FILE_COLUMNS, and `partition_values` where the table is partitioned. Blocks for seconds at a
    million files. Where several may save at a time, `lock` the source.
    """

    def write(file: BinaryIO) -> None:
        # The newest level keeps text as views, which are mapped as they are; older ones would be copied into views.
        tables = [segment.frame.rechunk().to_arrow(compat_level=pl.CompatLevel.newest()) for segment in files.segments]
        with pa.ipc.new_file(pa.PythonFile(file, mode="w"), tables[0].schema) as writer:
            for table in tables:
                writer.write_table(table)
        rows = pa.array(files.rows.to_arrow(compat_level=pl.CompatLevel.newest())).buffers()[1]
        file.write(memoryview(rows)[: files.height * _ROW_BYTES])
        description = msgspec.json.encode(_Description(version, files.height))
        file.write(description + len(description).to_bytes(_LENGTH_BYTES, "little"))

    cached = disk.write(saved_name(source), write)
    return None if cached is None else _opened(cached)


def load(disk: DiskCache, source: TableSource) -> SavedFiles | None:
    """What was saved last of the table, None where nothing is, or nothing that can be believed.

    It was right when it was saved: whether the log still holds its `proof` is the caller's question.
    """
    cached = disk.open(saved_name(source))
    return None if cached is None else _opened(cached)


def saved_name(source: TableSource) -> str:
    """Where a table's files are saved. A table that is read from elsewhere, or otherwise, has another name."""
    columns = {name: str(kind) for name, kind in FILE_COLUMNS.items()}
    identity = msgspec.json.encode((LAYOUT, columns, source))
    return f"segments/{hashlib.sha256(identity).hexdigest()[:32]}"


class _Description(msgspec.Struct, frozen=True):
    version: SavedVersion
    num_files: int


def _opened(cached: CachedFile) -> SavedFiles:
    content = cached.content
    end = len(content) - _LENGTH_BYTES
    start = end - int.from_bytes(content[end:], "little")
    description = msgspec.json.decode(content[start:end], type=_Description)
    rows_start = start - description.num_files * _ROW_BYTES
    reader = pa.ipc.open_file(pa.py_buffer(content[:rows_start]))
    segments = [
        Segment(_frame(reader.get_batch(number)), f"{cached.digest}-{number}", is_mapped=True)
        for number in range(reader.num_record_batches)
    ]
    rows = pa.Array.from_buffers(pa.uint32(), description.num_files, [None, pa.py_buffer(content[rows_start:start])])
    return SavedFiles(description.version, FileList(tuple(segments), pl.Series(pl.from_arrow(rows, rechunk=False))))


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches([batch]), rechunk=False))
