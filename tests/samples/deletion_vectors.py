"""Deletion vectors for tests, which deltalake does not write: as bytes, and as commits to a Delta table that exists.

Written from delta-io/delta, PROTOCOL.md, "Deletion Vectors", and RoaringFormatSpec, and
shares no code with what reads them.
"""

import json
import struct
import uuid
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import polars as pl

from samples.delta import Action, commit_path, write_checkpoint, write_delta_log

Storage = Literal["i", "u", "p"]
"""Inline; in a file named by its UUID; in a file named by its URI."""

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"


@dataclass(frozen=True)
class Log:
    """What a table's commits make of it, from version 0 on. `adds` are the live files, by their paths."""

    version: int
    protocol: dict[str, Any]
    metadata: dict[str, Any]
    adds: dict[str, dict[str, Any]]
    removes: list[dict[str, Any]]

    @property
    def has_vectors(self) -> bool:
        return any(added.get("deletionVector") for added in self.adds.values())


def read_log(root: Path, version: int | None = None) -> Log:
    """The table as of that version, by default the newest; every commit must be there."""
    newest = len(list((root / "_delta_log").glob("*.json"))) - 1
    log = Log(newest if version is None else version, {}, {}, {}, [])
    for number in range(log.version + 1):
        actions = [json.loads(line) for line in commit_path(root, number).read_bytes().splitlines()]
        for removed in (action["remove"] for action in actions if "remove" in action):
            del log.adds[removed["path"]]
            log.removes.append(removed)
        log.adds.update((action["add"]["path"], action["add"]) for action in actions if "add" in action)
        for action in actions:
            log.protocol.update(action.get("protocol", {}))
            log.metadata.update(action.get("metaData", {}))
    return log


@dataclass
class VectorWriter:
    """Deletes rows of a table that has no vectors yet; `column` is one whose values tell its rows apart."""

    root: Path
    column: str
    _deleted: dict[str, set[int]] = field(default_factory=dict)

    def delete(
        self,
        values: Collection[Any],
        storages: Sequence[Storage],
        *,
        prefix: str = "",
        runs: bool = False,
        keeps_empty: bool = True,
        tells_removes: bool = True,
    ) -> None:
        """Commit the deletion of the rows that have these values, those of one file by one vector.

        A vector replaces the one that the file had: one action removes the file with the old, another adds it with the
        new. `storages` say where each goes, in turn; those not inline share a file, in the directory `prefix`. Where
        not `keeps_empty`, a file without a row left is only removed; where not `tells_removes`, removes leave out the
        size and partition values, as they may.
        """
        log = read_log(self.root)
        commit: list[Action] = [{"commitInfo": {"operation": "DELETE"}}, *_upgrade(log)]
        stored, number = _VectorFile(self.root, prefix), 0
        for path, added in log.adds.items():
            column = pl.read_parquet((self.root / unquote(path)).read_bytes(), columns=[self.column])[self.column]
            before = self._deleted.get(path, set())
            after = before | {row for row, value in enumerate(column) if value in values}
            if after == before:
                continue
            commit.append(_remove(added, tells=tells_removes))
            self._deleted[path] = after
            if len(after) < len(column) or keeps_empty:
                vector = stored.describe(after, storages[number % len(storages)], runs=runs)
                commit.append({"add": {**added, "stats": _loose(added["stats"]), "deletionVector": vector}})
                number += 1
        stored.write()
        write_delta_log(self.root, [commit], first=log.version + 1)

    def restore(self) -> None:
        """Commit every file without its vector: the rows that vectors deleted are back."""
        log = read_log(self.root)
        commit: list[Action] = [{"commitInfo": {"operation": "RESTORE"}}]
        for added in log.adds.values():
            if "deletionVector" in added:
                plain = {name: value for name, value in added.items() if name != "deletionVector"}
                commit += [_remove(added, tells=True), {"add": plain}]
        self._deleted.clear()
        write_delta_log(self.root, [commit], first=log.version + 1)

    def checkpoint(self) -> None:
        """Write a checkpoint of the newest version."""
        log = read_log(self.root)
        actions: list[Action] = [{"protocol": log.protocol}, {"metaData": log.metadata}]
        actions += [{"remove": removed} for removed in log.removes]
        actions += [{"add": added} for added in log.adds.values()]
        write_checkpoint(self.root, log.version, actions)


def _upgrade(log: Log) -> Iterator[Action]:
    """The protocol and the property that a table needs to have vectors, where it has not."""
    features = {*log.protocol.get("readerFeatures", ()), "deletionVectors"}
    if features == set(log.protocol.get("readerFeatures", ())):
        return
    implied = () if log.protocol["minWriterVersion"] == 7 else _FEATURES_OF_WRITER_4
    assert log.protocol["minReaderVersion"] in (1, 3), "column mapping would have to be listed"
    assert log.protocol["minWriterVersion"] in (2, 4, 7)
    yield {
        "protocol": {
            "minReaderVersion": 3,
            "minWriterVersion": 7,
            "readerFeatures": sorted(features),
            "writerFeatures": sorted({*log.protocol.get("writerFeatures", implied), "deletionVectors"}),
        }
    }
    configuration = {**log.metadata["configuration"], "delta.enableDeletionVectors": "true"}
    yield {"metaData": {**log.metadata, "configuration": configuration}}


_FEATURES_OF_WRITER_4 = ("appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns")


def _remove(added: dict[str, Any], *, tells: bool) -> Action:
    names = (
        ["path", "dataChange"] + ["partitionValues", "size"] * tells + ["deletionVector"] * ("deletionVector" in added)
    )
    told = {"extendedFileMetadata": True} if tells else {}
    return {"remove": {name: added[name] for name in names} | {"deletionTimestamp": 1_700_000_000_000} | told}


def _loose(stats: str) -> str:
    """Statistics of a file with a vector: its `numRecords` must be told, its bounds are those of deleted rows too."""
    assert '"numRecords":' in stats
    return stats if '"tightBounds":false' in stats else stats[:-1] + ',"tightBounds":false}'


class _VectorFile:
    """The vectors of one commit, those not inline one behind the other in a file of format version 1."""

    def __init__(self, root: Path, prefix: str) -> None:
        self._prefix, self._id, self._data = prefix, uuid.uuid4(), b"\x01"
        self._path = root.resolve() / prefix / f"deletion_vector_{self._id}.bin"

    def describe(self, rows: set[int], storage: Storage, *, runs: bool) -> dict[str, Any]:
        """The descriptor of a new vector."""
        data = vector_bytes(rows, runs=runs)
        sizes = {"sizeInBytes": len(data), "cardinality": len(rows)}
        if storage == "i":
            return {"storageType": "i", "pathOrInlineDv": encode_z85(data), **sizes}
        place = self._path.as_uri() if storage == "p" else self._prefix + encode_z85(self._id.bytes)
        offset, self._data = len(self._data), self._data + framed(data)
        return {"storageType": storage, "pathOrInlineDv": place, "offset": offset, **sizes}

    def write(self) -> None:
        self._path.parent.mkdir(exist_ok=True)
        if len(self._data) > 1:
            self._path.write_bytes(self._data)


def framed(data: bytes) -> bytes:
    """A vector as a file holds it: its size, its bytes and their CRC-32."""
    return struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))


def vector_bytes(rows: Collection[int], *, runs: bool = False) -> bytes:
    """A vector of these rows: every container is an array or a bitmap, or they all are runs."""
    bitmaps: dict[int, dict[int, list[int]]] = {}
    for row in sorted(rows):
        bitmaps.setdefault(row >> 32, {}).setdefault(row >> 16 & 0xFFFF, []).append(row & 0xFFFF)
    data = struct.pack("<IQ", 1681511377, len(bitmaps))
    for high, containers in bitmaps.items():
        data += struct.pack("<I", high) + _bitmap(containers, runs=runs)
    return data


def _bitmap(containers: dict[int, list[int]], *, runs: bool) -> bytes:
    count = len(containers)
    if runs:
        data = struct.pack("<I", 12347 | count - 1 << 16) + ((1 << count) - 1).to_bytes((count + 7) // 8, "little")
    else:
        data = struct.pack("<II", 12346, count)
    data += b"".join(struct.pack("<HH", key, len(values) - 1) for key, values in containers.items())
    bodies = [_container(values, runs=runs) for values in containers.values()]
    if not runs or count >= 4:
        offset = len(data) + 4 * count
        for body in bodies:
            data += struct.pack("<I", offset)
            offset += len(body)
    return data + b"".join(bodies)


def _container(values: list[int], *, runs: bool) -> bytes:
    if runs:
        known = set(values)
        starts = [value for value in values if value - 1 not in known]
        ends = [value for value in values if value + 1 not in known]
        pairs = [struct.pack("<HH", start, end - start) for start, end in zip(starts, ends, strict=True)]
        return struct.pack("<H", len(pairs)) + b"".join(pairs)
    if len(values) <= 4096:
        return struct.pack(f"<{len(values)}H", *values)
    return sum(1 << value for value in values).to_bytes(8192, "little")


def encode_z85(data: bytes) -> str:
    data += bytes(-len(data) % 4)
    words = (int.from_bytes(data[start : start + 4], "big") for start in range(0, len(data), 4))
    return "".join(_ALPHABET[word // 85**power % 85] for word in words for power in (4, 3, 2, 1, 0))
