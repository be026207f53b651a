"""The list of a version's files says the same as a plain frame of them, whatever commits made it."""

import polars as pl
import pytest
from hypothesis import given, settings, strategies as st

from lakeshare.datafiles.file_changes import MAX_SEGMENTS, changed
from lakeshare.datafiles.files import KEY, FileList
from listed import listed

SCHEMA = {"path": pl.String, "deletion_vector_id": pl.String, "size": pl.Int64, "stats": pl.String}

paths = st.sampled_from([f"day={day}/{name}" for day in range(3) for name in ("a", "b", "ä", "z\u2028")])
vectors = st.sampled_from([None, None, "u1", "u2"])
keys = st.tuples(paths, vectors)
commits = st.tuples(st.sets(keys, max_size=6), st.sets(keys, max_size=6))


def frame(rows) -> pl.DataFrame:
    return pl.DataFrame([(*key, size, None) for key, size in rows.items()], schema=SCHEMA, orient="row").sort(KEY)


def key_order(key) -> tuple[str, str]:
    return key[0], key[1] or ""


@settings(max_examples=300, deadline=None)
@given(st.sets(keys, max_size=12), st.lists(commits, max_size=12), st.data())
def test_commits_leave_what_a_dictionary_would_hold(start, history, data):
    model = dict.fromkeys(start, 0)
    files = listed(frame(model))
    for number, (gone, added) in enumerate(history, start=1):
        model = {key: size for key, size in model.items() if key not in gone} | dict.fromkeys(added, number)
        files = changed(files, frame(dict.fromkeys(gone, 0)), frame(dict.fromkeys(added, number)))
        assert_holds(files, model)
    if model:
        last = data.draw(st.one_of(st.sampled_from(sorted(model, key=key_order)), keys))
        behind = sorted((key for key in model if key_order(key) > key_order(last)), key=key_order)
        assert files.behind(key_order(last)).frame(*KEY).rows() == behind


def assert_holds(files: FileList, model) -> None:
    expected = sorted(model, key=key_order)
    assert files.height == len(expected)
    assert files.frame(*KEY).rows() == expected
    assert files.frame().rows() == [(*key, model[key], None) for key in expected]
    assert files.size_bytes() == sum(model.values())
    assert files.has_deletion_vectors() == any(vector for _, vector in model)
    assert [files.key_at(position) for position in range(files.height)] == list(map(key_order, expected))
    assert len(files.segments) <= MAX_SEGMENTS
    for part in files.parts():
        assert part.segment.frame[part.rows].select(KEY).rows() == [expected[at] for at in part.positions]


def test_a_small_commit_shares_the_columns_of_the_version_before():
    files = listed(frame({(f"{number:03}", None): 1 for number in range(100)}))
    after = changed(files, frame({("007", None): 1}), frame({("0075", None): 1}))
    assert after.segments[0] is files.segments[0]
    assert files.height == after.height == 100
    assert after.frame("path")["path"].to_list()[6:9] == ["006", "0075", "008"]


def test_nothing_new_is_the_same_list():
    files = listed(frame({("a", None): 1}))
    assert changed(files, frame({}), frame({})) is files


def test_files_that_are_mostly_gone_do_not_stay_in_memory():
    files = listed(frame({(f"{number:03}", None): 1 for number in range(100)}))
    after = changed(files, frame({(f"{number:03}", None): 1 for number in range(60)}), frame({}))
    assert [segment.frame.height for segment in after.segments] == [40]


def test_many_commits_make_few_segments():
    files = listed(frame({(f"{number:05}", None): 1 for number in range(10_000)}))
    for number in range(200):
        files = changed(files, frame({}), frame({(f"{number:05}x", None): 1}))
        assert len(files.segments) <= MAX_SEGMENTS
    assert files.segments[0].frame.height == 10_000
    assert files.height == 10_200


@pytest.mark.parametrize("count", [1, 3])
def test_a_slice_is_a_slice(count):
    files = listed(frame({(name, None): 1 for name in "abcdef"}))
    for name in "ghijkl"[:count]:
        files = changed(files, frame({}), frame({(name, None): 2}))
    names = "abcdefghijkl"[: 6 + count]
    assert files.slice(2, 5).frame("path")["path"].to_list() == list(names[2:7])
    assert files.head(3).frame("path")["path"].to_list() == list("abc")
    assert files.slice(len(names)).frame().is_empty()
