import json
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from golden import golden_tables
from lakeshare.datafiles.deletion_vectors import FRAME_BYTES, deleted_rows
from lakeshare.datafiles.z85 import decode_z85
from lakeshare.errors import TableUnreadable
from lakeshare.protocol.actions import DeletionVector
from lakeshare.storage.locations import parse_location
from lakeshare.tables.formats.delta.deletion_vectors import deletion_vector_key
from samples.deletion_vectors import encode_z85, framed, vector_bytes


def inline(rows: set[int], data: bytes) -> DeletionVector:
    return DeletionVector("i", encode_z85(data), len(data), len(rows))


ROWS = st.sets(st.one_of(st.integers(0, 300), st.integers(0, 1 << 20), st.integers(0, (1 << 40) - 1)), max_size=60)


@given(ROWS, st.booleans())
def test_reads_what_was_written_inline_and_from_a_file(rows, runs):
    data = vector_bytes(rows, runs=runs)
    assert deleted_rows(inline(rows, data)).to_list() == sorted(rows)
    stored = DeletionVector("p", "https://x", len(data), len(rows), 1)
    assert deleted_rows(stored, framed(data) + b"the next one").to_list() == sorted(rows)
    assert len(framed(data)) == len(data) + FRAME_BYTES


def test_reads_a_container_of_many_rows():
    rows = set(range(5, 60_000, 3)) | {65_535}
    assert deleted_rows(inline(rows, vector_bytes(rows))).to_list() == sorted(rows)


def test_reads_what_delta_inlines():
    vector = DeletionVector("i", "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L", 44, 6)
    assert deleted_rows(vector).to_list() == [3, 4, 7, 11, 18, 29]


def golden_vectors() -> Iterator[tuple[Path, DeletionVector]]:
    for table in golden_tables():
        for commit in sorted((table.table_dir / "_delta_log").glob("*.json")):
            for line in filter(str.strip, commit.read_text().splitlines()):
                action = json.loads(line)
                described = (action.get("add") or action.get("remove") or {}).get("deletionVector")
                if described:
                    yield table.table_dir, msgspec.convert(described, DeletionVector)


@pytest.mark.skipif(not golden_tables(), reason="LAKESHARE_GOLDEN names no tables")
def test_reads_every_vector_that_spark_wrote():
    found = list(golden_vectors())
    for directory, vector in found:
        key = deletion_vector_key(vector.storage_type, vector.path_or_inline_dv, parse_location(str(directory)))
        stored = (directory / key).read_bytes()[vector.offset :] if key else b""
        rows = deleted_rows(vector, stored)
        assert len(rows) == vector.cardinality
        assert rows.is_sorted()
        assert rows.is_unique().all()
    assert len(found) > 50


DATA = vector_bytes({3, 4, 70_000})
STORED = DeletionVector("p", "https://x", len(DATA), 3)


@pytest.mark.parametrize("end", range(len(framed(DATA))))
def test_a_file_that_ends_too_early_is_refused(end):
    with pytest.raises(TableUnreadable):
        deleted_rows(STORED, framed(DATA)[:end])


@pytest.mark.parametrize("at", range(len(framed(DATA))))
def test_a_byte_that_changed_is_noticed(at):
    damaged = bytearray(framed(DATA))
    damaged[at] ^= 1
    with pytest.raises(TableUnreadable):
        deleted_rows(STORED, bytes(damaged))


@pytest.mark.parametrize("cardinality", [0, 2, 4])
def test_more_or_fewer_rows_than_described_are_refused(cardinality):
    with pytest.raises(TableUnreadable):
        deleted_rows(DeletionVector("i", encode_z85(DATA), len(DATA), cardinality))


def test_runs_that_overlap_do_not_count_as_more():
    data = bytearray(vector_bytes({1, 2, 3, 4}, runs=True))
    data[-6:] = struct.pack("<HHH", 1, 0, 65_535)
    with pytest.raises(TableUnreadable):
        deleted_rows(DeletionVector("i", encode_z85(bytes(data)), len(data), 4))


@pytest.mark.parametrize("text", ["", "abcd", "abcdé", "#####", "0000\u2028"])
def test_inline_text_that_is_no_vector_is_refused(text):
    with pytest.raises(TableUnreadable):
        deleted_rows(DeletionVector("i", text, len(text) * 4 // 5, 1))


@given(st.binary(max_size=60).map(lambda data: data + bytes(-len(data) % 4)))
def test_z85_gives_back_every_word(data):
    assert decode_z85(encode_z85(data)) == data


def test_z85_reads_the_test_case_of_its_specification():
    assert decode_z85("HelloWorld") == bytes.fromhex("864fd26fb559f75b")
