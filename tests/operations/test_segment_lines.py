"""Lines from a segment's text are those from its frame, whether the text is there, on disk, in memory or refused."""

import threading
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, strategies as st

from drawn_files import STAMP, VECTORS, FakeSigner, frames, style
from lakeshare.datafiles.file_changes import changed
from lakeshare.datafiles.files import KEY, FileList, Segment
from lakeshare.errors import UnsupportedTableFeature
from lakeshare.operations import segment_lines
from lakeshare.operations.fragments import file_lines
from lakeshare.operations.segment_lines import SegmentLines
from lakeshare.tables.base import FILE_COLUMNS
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.disk_cache import DiskCache

SECRET = b"s" * 32


def opened(directory: Path, max_bytes: int = 1 << 30, memory: int = 1 << 20) -> SegmentLines:
    return SegmentLines(DiskCache(directory, max_bytes, SECRET), ByteBudget(memory))


@pytest.fixture(autouse=True)
def every_text_is_worth_a_file(monkeypatch):
    monkeypatch.setattr(segment_lines, "SMALL_BYTES", 0)
    monkeypatch.setattr(segment_lines, "RENDERED_FILES", 2)


@pytest.fixture
def lines(tmp_path: Path):
    lines = opened(tmp_path / "cache")
    yield lines
    lines.close()


def settle(lines: SegmentLines) -> None:
    """Wait until what was asked for is written."""
    lines._thread.submit(lambda: None).result()


def cached(directory: Path) -> list[Path]:
    return [path for path in (directory / "files").rglob("*") if path.is_file()]


def files(count: int, **columns) -> pl.DataFrame:
    rows = {"path": [f"part={number}/é\u2028.parquet" for number in range(count)], "size": 1, "modification_time": 2}
    frame = pl.DataFrame(rows | {"stats": '{"numRecords":"\u2029é"}'} | columns)
    missing = [pl.lit(None, kind).alias(name) for name, kind in FILE_COLUMNS.items() if name not in frame.columns]
    return frame.with_columns(missing).sort("path")


@st.composite
def lists(draw, vectors=VECTORS):
    """Some files of several segments, in their order. Segments of one table have the same columns."""
    drawn = draw(frames(vectors=vectors)).unique("path").sort("path")
    chosen = [draw(st.integers(0, 2)) for _ in range(drawn.height)]
    of = pl.Series(chosen, dtype=pl.Int64)
    segments = [Segment(drawn.filter(of == number), is_mapped=draw(st.booleans())) for number in range(3)]
    order = pl.concat([segment.frame.select(KEY) for segment in segments]).with_row_index("row").sort("path")
    kept = [draw(st.booleans()) for _ in range(drawn.height)]
    return FileList(tuple(segments), order["row"].filter(pl.Series(kept, dtype=pl.Boolean)))


@given(lists(), st.none() | st.just(STAMP))
def test_lines_are_those_of_the_frame_before_and_after_the_text_is_there(tmp_path_factory, listed, stamp):
    lines = opened(tmp_path_factory.getbasetemp() / "drawn")
    told = style("delta", stamp)
    expected = file_lines(listed.frame(), told)
    assert lines.render(listed, told) == expected
    settle(lines)
    assert lines.render(listed, told) == expected
    lines.close()


@given(lists(vectors=st.none()), st.integers(0, 4), st.integers(0, 4))
def test_any_slice_is_rendered_in_parquet_format(tmp_path_factory, listed, offset, length):
    lines = opened(tmp_path_factory.getbasetemp() / "drawn")
    lines.render(listed, style("parquet"))
    settle(lines)
    some = listed.slice(offset, length)
    assert lines.render(some, style("parquet")) == file_lines(some.frame(), style("parquet"))
    lines.close()


class TestTheText:
    def test_is_rendered_once_for_all_answers_and_processes(self, tmp_path: Path):
        segment = Segment(files(5), key="ab", is_mapped=True)
        signers = [CountingSigner() for _ in range(2)]
        for signer in signers:
            lines = opened(tmp_path)
            told = style("parquet", signer=signer)
            expected = lines.render(FileList.of(segment), told)  # from the frame: one call for the bases
            settle(lines)
            for _ in range(3):
                assert lines.render(FileList.of(segment), told) == expected
            lines.close()
        assert [signer.bases_calls for signer in signers] == [1 + 3, 1]
        assert len(cached(tmp_path)) == 1

    @pytest.mark.parametrize("is_mapped", [True, False])
    def test_of_a_segment_that_is_not_mapped_stays_in_memory(self, tmp_path: Path, lines: SegmentLines, is_mapped):
        listed = FileList.of(Segment(files(3), is_mapped=is_mapped))
        lines.render(listed, style("parquet"))
        settle(lines)
        assert len(cached(tmp_path / "cache")) == is_mapped
        assert lines._memory.get(segment_lines._name(listed.segments[0], style("parquet")))

    def test_is_another_in_another_format_or_place(self, tmp_path: Path, lines: SegmentLines):
        listed = FileList.of(Segment(files(3), is_mapped=True))
        elsewhere = FakeSigner()
        elsewhere.place = "https://y"
        for told in (style("parquet"), style("delta"), style("parquet", signer=elsewhere)):
            for _ in range(2):
                assert lines.render(listed, told) == file_lines(listed.frame(), told)
                settle(lines)
        assert len(cached(tmp_path / "cache")) == 3

    def test_does_not_hold_back_the_answers_that_want_it(self, tmp_path: Path, lines: SegmentLines):
        listed = FileList.of(Segment(files(3), is_mapped=True))
        expected = file_lines(listed.frame(), style("parquet"))
        held, released = threading.Event(), threading.Event()

        def hold() -> None:
            with DiskCache(tmp_path / "cache", 1 << 30, SECRET).lock(
                segment_lines._name(listed.segments[0], style("parquet"))
            ):
                held.set()
                released.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        try:
            assert lines.render(listed, style("parquet")) == expected
            assert lines.render(listed, style("parquet")) == expected
            assert cached(tmp_path / "cache") == []
        finally:
            released.set()
            holder.join()
        settle(lines)
        assert len(cached(tmp_path / "cache")) == 1

    def test_that_the_disk_refuses_is_not_asked_for_at_once_again(self, tmp_path: Path):
        lines = opened(tmp_path, max_bytes=10)
        signer = CountingSigner()
        listed = FileList.of(Segment(files(3), is_mapped=True))
        expected = file_lines(listed.frame(), style("parquet"))
        for _ in range(3):
            assert lines.render(listed, style("parquet", signer=signer)) == expected
            settle(lines)
        lines.close()
        assert signer.bases_calls == 3 + 2  # a line for each answer, and the one attempt, of two chunks
        assert cached(tmp_path) == []

    def test_that_memory_cannot_hold_is_not_rendered_for_each_answer(self, tmp_path: Path):
        lines = opened(tmp_path, memory=100)
        signer = CountingSigner()
        listed = FileList.of(Segment(files(2)))
        for _ in range(3):
            lines.render(listed, style("parquet", signer=signer))
            settle(lines)
        lines.close()
        assert signer.bases_calls == 3 + 1

    def test_that_is_half_written_when_the_server_stops_is_dropped(self, tmp_path: Path):
        lines = opened(tmp_path)

        class StoppingSigner(FakeSigner):
            def bases(self, keys):
                lines._is_closing.set()
                return super().bases(keys)

        lines.render(FileList.of(Segment(files(5), is_mapped=True)), style("parquet", signer=StoppingSigner()))
        began = time.monotonic()
        lines.close()
        assert time.monotonic() - began < 10
        assert cached(tmp_path) == []

    def test_is_gone_with_the_directory_and_comes_again(self, tmp_path: Path):
        lines = opened(tmp_path / "cache")
        listed = FileList.of(Segment(files(3), key="ab", is_mapped=True))
        expected = lines.render(listed, style("parquet"))
        settle(lines)
        lines.close()
        [file] = cached(tmp_path / "cache")
        file.write_bytes(file.read_bytes().replace(b"part", b"PART"))
        again = opened(tmp_path / "cache")
        for _ in range(2):
            assert again.render(listed, style("parquet")) == expected
            settle(again)
        again.close()


def test_a_deletion_vector_is_never_left_out(lines: SegmentLines):
    vector = {"storage_type": "i", "path_or_inline_dv": "x", "offset": None, "size_in_bytes": 1, "cardinality": 1}
    frame = files(
        3,
        deletion_vector=pl.Series([None, vector, None], dtype=FILE_COLUMNS["deletion_vector"]),
        deletion_vector_id=pl.Series([None, "ix", None], dtype=pl.String),
    )
    listed = FileList.of(Segment(frame))
    lines.render(listed.head(1), style("parquet"))
    settle(lines)
    assert lines.render(listed.head(1), style("parquet")).count(b"\n") == 1
    with pytest.raises(UnsupportedTableFeature, match="deletion vectors"):
        lines.render(listed, style("parquet"))


class CountingSigner(FakeSigner):
    """Counts how often it is asked for bases."""

    bases_calls = 0

    def bases(self, keys):
        self.bases_calls += 1
        return super().bases(keys)


def test_a_file_whose_place_another_segment_took_stays_away(tmp_path: Path):
    """As after a deletion by vector: the rows around it leap as far as their positions do, and are no neighbours."""
    before = FileList.of(Segment(files(5)))
    again = files(5).filter(pl.col("path").str.starts_with("part=2")).with_columns(size=pl.col("size") + 98)
    after = changed(before, again, again)
    lines = opened(tmp_path / "cache")
    for told in (style("parquet"), style("delta")):
        expected = file_lines(after.frame(), told)
        assert expected.count(b'"size":99') == 1
        lines.render(after, told)
        settle(lines)
        assert lines.render(after, told) == expected
    lines.close()
