"""Saved tables: what is saved is what is mapped, by any process, and nothing else is believed."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st
from polars.testing import assert_frame_equal

from lakeshare.datafiles.file_changes import changed
from lakeshare.storage.base import ObjectInfo
from lakeshare.tables.base import FILE_COLUMNS, TableMetadata, TableProtocol, TableSource
from lakeshare.tables.disk_cache import DiskCache
from lakeshare.tables.saved_segments import SavedVersion, load, save
from listed import listed

SOURCE = TableSource("id", "s3://bucket/table", ("s3://bucket/also",))
VERSION = SavedVersion(
    version=7,
    timestamp=1_700_000_000_000,
    protocol=TableProtocol(3, 7, ("deletionVectors",), None),
    metadata=TableMetadata("id", '{"type":"struct","fields":[]}', ("tag",), "näme", None, {"a": "b"}, 5),
    size_bytes=12,
    proof=ObjectInfo("_delta_log/00000000000000000007.json", 99, 1_700_000_000_001),
)
VECTOR = {"storage_type": "u", "path_or_inline_dv": "ab", "offset": 1, "size_in_bytes": 2, "cardinality": 3}
SCHEMA = FILE_COLUMNS | {"partition_values": pl.Struct({"tag": pl.String, "größe": pl.String})}


@pytest.fixture
def disk(tmp_path) -> DiskCache:
    return DiskCache(tmp_path / "cache", 1 << 30, b"secret")


def frame(*rows: dict, schema=SCHEMA) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema)


def files(count: int = 3) -> pl.DataFrame:
    return frame(*({"path": f"part-{number:08}.parquet", "size": number} for number in range(count)))


def test_a_saved_version_comes_back_as_it_was(disk):
    rows = frame(
        {"path": "größe=ü/日本.parquet", "size": 1, "stats": '{"numRecords":1}', "partition_values": None},
        {"path": "b" * 5000, "size": 2**62, "deletion_vector_id": "uab@1", "deletion_vector": VECTOR},
        {"path": "c", "modification_time": -1, "base_row_id": 4, "default_row_commit_version": 5},
        {"path": "d", "partition_values": {"tag": "", "größe": None}, "stats": ""},
    )
    for found in (save(disk, SOURCE, VERSION, listed(rows)), load(disk, SOURCE)):
        assert found.version == VERSION
        assert found.files.segments[0].frame.n_chunks() == 1
        assert_frame_equal(found.files.frame(), rows)


def test_no_files_come_back_as_no_files_with_their_columns(disk):
    for schema in (FILE_COLUMNS, SCHEMA):
        save(disk, SOURCE, VERSION, listed(frame(schema=schema)))
        assert_frame_equal(load(disk, SOURCE).files.frame(), frame(schema=schema))


def test_a_list_of_several_segments_comes_back_with_the_rows_that_are_in_force(disk):
    grown = changed(listed(files(100)), files(3), frame({"path": "new", "size": 1}))
    assert len(grown.segments) == 2
    for found in (save(disk, SOURCE, VERSION, grown), load(disk, SOURCE)):
        assert [segment.frame.height for segment in found.files.segments] == [100, 1]
        assert all(segment.is_mapped for segment in found.files.segments)
        assert_frame_equal(found.files.frame(), grown.frame())


def test_frames_of_several_chunks_are_saved_as_one(disk):
    rows = pl.concat([files(2), files(3)], rechunk=False)
    assert rows.n_chunks() == 2
    found = save(disk, SOURCE, VERSION, listed(rows)).files.frame()
    assert found.n_chunks() == 1
    assert_frame_equal(found, rows)


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
numbers = st.none() | st.integers(-(2**63), 2**63 - 1)
vectors = st.none() | st.fixed_dictionaries(
    {
        "storage_type": texts,
        "path_or_inline_dv": texts,
        "offset": st.none() | st.integers(0, 2**31 - 1),
        "size_in_bytes": st.none(),
        "cardinality": numbers,
    }
)
row = st.fixed_dictionaries(
    {
        "path": texts.filter(lambda path: path is not None),
        "size": numbers,
        "stats": texts,
        "deletion_vector_id": texts,
        "deletion_vector": vectors,
        "partition_values": st.none() | st.fixed_dictionaries({"tag": texts, "größe": texts}),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(row, max_size=20))
def test_any_frame_comes_back(tmp_path_factory, rows):
    disk = DiskCache(tmp_path_factory.mktemp("cache"), 1 << 30, b"secret")
    save(disk, SOURCE, VERSION, listed(frame(*rows)))
    assert_frame_equal(load(disk, SOURCE).files.frame(), frame(*rows))


def test_the_newest_saved_version_takes_the_place_of_the_one_before_which_stays_mapped(disk):
    old = save(disk, SOURCE, VERSION, listed(files(3)))
    newer = replace(VERSION, version=8, proof=replace(VERSION.proof, modified_ms=2))
    save(disk, SOURCE, newer, listed(files(4)))
    assert load(disk, SOURCE).version == newer
    assert load(disk, SOURCE).files.frame().height == 4
    assert_frame_equal(old.files.frame(), files(3))


@pytest.mark.parametrize(
    "other",
    [
        replace(SOURCE, table_id="other"),
        replace(SOURCE, root="s3://bucket/other"),
        replace(SOURCE, also=()),
        replace(SOURCE, format="iceberg"),
    ],
)
def test_a_table_of_another_source_is_not_taken_for_it(disk, other):
    save(disk, SOURCE, VERSION, listed(files()))
    assert load(disk, other) is None


def test_the_proof_of_the_version_travels_with_the_files_so_that_another_log_is_told_apart(disk):
    for proof in (VERSION.proof, replace(VERSION.proof, size=1), replace(VERSION.proof, modified_ms=1)):
        save(disk, SOURCE, replace(VERSION, proof=proof), listed(files()))
        assert load(disk, SOURCE).version.proof == proof


def test_equal_content_has_one_key_and_other_content_another(disk):
    first = save(disk, SOURCE, VERSION, listed(files()))
    assert load(disk, SOURCE).files.segments[0].key == first.files.segments[0].key
    assert save(disk, SOURCE, VERSION, listed(files())).files.segments[0].key == first.files.segments[0].key
    assert save(disk, SOURCE, VERSION, listed(files(4))).files.segments[0].key != first.files.segments[0].key


def test_a_mapped_frame_outlives_its_file(disk, tmp_path):
    mapped = save(disk, SOURCE, VERSION, listed(files(50_000))).files.frame()
    (path,) = (tmp_path / "cache" / "files" / "segments").iterdir()
    path.unlink()
    assert load(disk, SOURCE) is None
    assert_frame_equal(mapped, files(50_000))


SECOND_WORKER = """
import sys
from pathlib import Path
import polars as pl
from lakeshare.tables.base import TableSource
from lakeshare.tables.disk_cache import DiskCache
from lakeshare.tables.saved_segments import load

def private_dirty():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Private_Dirty"))

source = TableSource("id", "s3://bucket/table", ("s3://bucket/also",))
disk = DiskCache(Path(sys.argv[1]), 1 << 30, b"secret")
load(disk, TableSource("warm", "up"))
before = private_dirty()
frame = load(disk, source).files.frame()
total = frame["stats"].str.len_bytes().sum() + frame["size"].sum()
print(total, private_dirty() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel does not tell private memory")
def test_another_process_maps_the_frame_and_copies_little_of_it(disk, tmp_path):
    rows = files(100_000).with_columns(stats=pl.lit("x" * 1000) + pl.col("path"))
    save(disk, SOURCE, VERSION, listed(rows))
    run = subprocess.run(
        [sys.executable, "-c", SECOND_WORKER, str(tmp_path / "cache")], capture_output=True, text=True, check=True
    )
    total, private = map(int, run.stdout.split())
    assert total == rows["stats"].str.len_bytes().sum() + rows["size"].sum()
    assert private < rows.estimated_size() / 4
