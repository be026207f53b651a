"""From one version to the next, and what to do when the log was cleaned up, replaced, or is gone."""

import shutil
from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import Snapshot
from samples.delta import add, commit_path, metadata, protocol, remove, write_checkpoint, write_delta_log
from samples.tables import load, paths, reader

START = [protocol(), metadata()]
COMMITS = [START, [add("a"), add("b")]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_delta_log(tmp_path / "table", COMMITS)
    return tmp_path / "table"


@pytest.fixture
async def known(root: Path) -> Snapshot:
    return await load(root)


async def test_nothing_new_gives_the_same_snapshot(root: Path, known: Snapshot):
    assert await reader(root).refresh(known) is known


async def test_new_commits_are_applied(root: Path, known: Snapshot):
    write_delta_log(root, [[remove("a")], [add("0"), add("b", size=5)]], first=2)
    fresh = await reader(root).refresh(known)
    assert (fresh.version, paths(fresh), fresh.size_bytes) == (3, ["0", "b"], 6)
    assert paths(known) == ["a", "b"], "a snapshot never changes"
    assert fresh.files.frame().equals((await load(root)).files.frame())


async def test_only_the_new_commits_are_read(root: Path, known: Snapshot):
    commit_path(root, 0).write_text("{broken")
    write_delta_log(root, [[add("c")]], first=2)
    assert paths(await reader(root).refresh(known)) == ["a", "b", "c"]


async def test_a_new_protocol_and_metadata_are_taken(root: Path, known: Snapshot):
    write_delta_log(root, [[protocol(3, 7, features=["timestampNtz"]), metadata("other")]], first=2)
    fresh = await reader(root).refresh(known)
    assert (fresh.protocol.reader_features, fresh.metadata.id) == (("timestampNtz",), "other")
    assert paths(fresh) == ["a", "b"]


async def test_new_partition_columns_are_taken(root: Path, known: Snapshot):
    new = [metadata(partition_columns=["day"]), remove("a"), remove("b"), add("c", partition_values={"day": "1"})]
    write_delta_log(root, [new], first=2)
    assert (await reader(root).refresh(known)).files.frame()["partition_values"].to_list() == [{"day": "1"}]


async def test_a_log_that_was_cleaned_up_behind_a_checkpoint_is_read_anew(root: Path, known: Snapshot):
    write_delta_log(root, [[add("c")], [add("d")]], first=2)
    write_checkpoint(root, 3, [*START, add("a"), add("b"), add("c"), add("d")])
    for version in range(4):
        commit_path(root, version).unlink()
    fresh = await reader(root).refresh(known)
    assert (fresh.version, paths(fresh)) == (3, ["a", "b", "c", "d"])
    assert await reader(root).refresh(fresh) is fresh


async def test_a_gap_that_a_checkpoint_covers_is_read_anew(root: Path, known: Snapshot):
    write_delta_log(root, [[add("c")], [add("d")], [add("e")]], first=2)
    write_checkpoint(root, 3, [*START, add("a"), add("b"), add("c"), add("d")])
    commit_path(root, 3).unlink()
    assert paths(await reader(root).refresh(known)) == ["a", "b", "c", "d", "e"]


async def test_a_gap_that_nothing_covers_is_an_error(root: Path, known: Snapshot):
    write_delta_log(root, [[add("c")], [add("d")], [add("e")]], first=2)
    commit_path(root, 3).unlink()
    with pytest.raises(TableUnreadable, match="lacks version 3"):
        await reader(root).refresh(known)


async def test_a_log_that_vanished_is_an_error(root: Path, known: Snapshot):
    shutil.rmtree(root / "_delta_log")
    with pytest.raises(TableUnreadable, match="no transaction log"):
        await reader(root).refresh(known)


async def test_a_commit_that_vanished_does_not_lead_back_to_an_older_version(root: Path, known: Snapshot):
    commit_path(root, 1).unlink()
    with pytest.raises(TableUnreadable, match="went back from version 1 to 0"):
        await reader(root).refresh(known)


@pytest.mark.parametrize("versions", [1, 2, 3])
async def test_a_table_that_was_replaced_is_the_new_table(root: Path, known: Snapshot, versions: int):
    shutil.rmtree(root)
    new = [[protocol(), metadata("another"), add("new")], [add("x")], [add("y")]][:versions]
    write_delta_log(root, new)
    fresh = await reader(root).refresh(known)
    assert (fresh.version, fresh.metadata.id) == (versions - 1, "another")
    assert "a" not in paths(fresh)


async def test_a_new_file_outside_the_table_is_refused(root: Path, known: Snapshot):
    write_delta_log(root, [[add("../x")]], first=2)
    with pytest.raises(TableUnreadable, match="outside"):
        await reader(root).refresh(known)


async def test_a_broken_new_commit_is_an_error(root: Path, known: Snapshot):
    commit_path(root, 2).write_text('{"add":')
    with pytest.raises(TableUnreadable, match="malformed"):
        await reader(root).refresh(known)
