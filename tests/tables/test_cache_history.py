"""Older versions, histories and changes through the cache, over a real log."""

import asyncio
import shutil
from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable, VersionGone
from lakeshare.tables.base import TableSource
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.cache import SnapshotCache
from lakeshare.tables.history import CommitTime
from no_disk import NO_DISK
from samples.delta import add, commit_info, commit_path, metadata, protocol, set_time, write_checkpoint, write_delta_log

START = [protocol(), metadata()]
COMMITS = [START, *([add(f"part-{number}")] for number in range(1, 6))]


@pytest.fixture
def source(tmp_path: Path) -> TableSource:
    write(tmp_path, COMMITS)
    return TableSource("t", f"file://{tmp_path}")


def write(root: Path, commits: list, first: int = 0) -> None:
    """Commits that are a second apart."""
    write_delta_log(root, commits, first=first)
    for version in range(first, first + len(commits)):
        set_time(commit_path(root, version), 1_700_000_000_000 + version * 1000)


def cache(freshness_ms: int = 0, max_bytes: int = 1 << 30) -> SnapshotCache:
    return SnapshotCache({"": freshness_ms}, ByteBudget(max_bytes), NO_DISK, lambda: 1_700_000_000_000)


async def test_an_older_version_is_kept(source: TableSource):
    tables = cache()
    first = await tables.snapshot_at(source, 3)
    assert (first.version, first.num_files, first.timestamp) == (3, 3, 1_700_000_003_000)
    assert await tables.snapshot_at(source, 3) is first


async def test_a_herd_shares_one_load_of_an_older_version(source: TableSource):
    tables = cache()
    snapshots = await asyncio.gather(*(tables.snapshot_at(source, 3) for _ in range(20)))
    assert all(snapshot is snapshots[0] for snapshot in snapshots)


async def test_the_newest_version_is_not_loaded_twice(source: TableSource):
    tables = cache()
    newest = await tables.snapshot(source)
    assert (await tables.snapshot_at(source, 5)).files is newest.files
    assert await tables.metadata_at(source, 5) == (newest.protocol, newest.metadata)


async def test_the_time_of_the_newest_version_is_the_historys(source: TableSource, tmp_path: Path):
    """A load by way of a checkpoint does not see that file times ran backwards before it."""
    set_time(commit_path(tmp_path, 0), 1_800_000_000_000)
    write_checkpoint(tmp_path, 4, [*START, add("x")])
    tables = cache()
    assert (await tables.snapshot_at(source, 5)).timestamp == 1_800_000_000_005
    assert (await (await tables.history(source)).time_of(5)).timestamp == 1_800_000_000_005


async def test_a_version_that_was_just_committed_is_found_whatever_the_freshness(source: TableSource, tmp_path: Path):
    tables = cache(freshness_ms=1_000_000)
    await tables.snapshot(source)
    write(tmp_path, [[add("new")]], first=6)
    assert (await tables.snapshot(source)).version == 5
    assert (await tables.snapshot_at(source, 6)).num_files == 6
    write(tmp_path, [[add("newer")]], first=7)
    assert [commit.version async for commit in tables.commits(source, 6, 7)] == [6, 7]
    write(tmp_path, [[metadata("other")]], first=8)
    assert (await tables.metadata_at(source, 8))[1].id == "other"
    with pytest.raises(VersionGone, match=r"^Version 9 cannot be read: the table has versions 0 to 8"):
        await tables.snapshot_at(source, 9)


async def test_a_version_that_was_cleaned_up_is_gone(source: TableSource, tmp_path: Path):
    tables = cache()
    await tables.snapshot_at(source, 2)
    await tables.metadata_at(source, 2)
    write_checkpoint(tmp_path, 5, [*START, add("x")])
    for version in range(5):
        commit_path(tmp_path, version).unlink()
    write(tmp_path, [[add("y")]], first=6)
    refusal = "^Version 2 cannot be read: the table has versions 5 to 6"
    for question in (tables.snapshot_at(source, 2), tables.metadata_at(source, 2), anext(tables.commits(source, 2, 5))):
        with pytest.raises(VersionGone, match=refusal):
            await question


async def test_a_log_that_is_cleaned_up_without_a_new_commit_names_what_is_left(source: TableSource, tmp_path: Path):
    tables = cache()
    await tables.history(source)
    write_checkpoint(tmp_path, 3, [*START, add("x")])
    for version in range(3):
        commit_path(tmp_path, version).unlink()
    with pytest.raises(VersionGone, match=r"^Version 2 cannot be read: the table has versions 3 to 5"):
        await tables.snapshot_at(source, 2)
    with pytest.raises(VersionGone, match=r"^Version 2 cannot be read: the table has versions 3 to 5"):
        await tables.metadata_at(source, 2)
    with pytest.raises(VersionGone, match=r"^Version 2 cannot be read: the table has versions 3 to 5"):
        await anext(tables.commits(source, 2, 5))


async def test_a_table_that_was_replaced_has_no_version_of_the_old_one(source: TableSource, tmp_path: Path):
    tables = cache()
    old = await tables.snapshot_at(source, 2)
    shutil.rmtree(tmp_path / "_delta_log")
    write(tmp_path, [[protocol(), metadata("another")], [add("x")], [add("y")], [add("z")]])
    commit = commit_path(tmp_path, 2)
    set_time(commit, old.timestamp + 1)
    assert (await tables.snapshot_at(source, 2)).files.frame()["path"].to_list() == ["x", "y"]
    assert (await tables.metadata_at(source, 2))[1].id == "another"


async def test_older_versions_count_against_the_budget(source: TableSource):
    size = (await cache().snapshot_at(source, 4)).files.private_bytes
    tables = cache(max_bytes=size * 2)
    first = await tables.snapshot_at(source, 4)
    for version in range(1, 4):
        await tables.snapshot_at(source, version)
    again = await tables.snapshot_at(source, 4)
    assert again is not first
    assert again.files.frame().equals(first.files.frame())


async def test_finds_versions_by_time_and_their_changes(source: TableSource):
    tables = cache()
    assert await tables.version_at(source, 1_700_000_003_999) == CommitTime(3, 1_700_000_003_000)
    assert await tables.version_from(source, 1_700_000_003_001) == CommitTime(4, 1_700_000_004_000)
    found = [commit async for commit in tables.commits(source, 2, 4)]
    assert [(commit.version, commit.timestamp) for commit in found] == [
        (version, 1_700_000_000_000 + version * 1000) for version in (2, 3, 4)
    ]
    assert [path for commit in found for path in commit.files["path"]] == ["part-2", "part-3", "part-4"]


async def test_times_that_were_read_once_are_not_read_again(tmp_path: Path):
    on = metadata(configuration={"delta.enableInCommitTimestamps": "true"})
    write(tmp_path, [[commit_info(10), protocol(), on], *([commit_info(10 + version)] for version in range(1, 40))])
    source, tables = TableSource("t", f"file://{tmp_path}"), cache()
    assert (await tables.version_at(source, 15)).version == 5
    assert 1 <= len((await tables.history(source)).known) <= 8
    write(tmp_path, [[commit_info(90)]], first=40)
    assert (await tables.history(source)).known.keys(), "carried over to the longer history"
    assert await tables.version_from(source, 51) == CommitTime(40, 90)


async def test_a_hostile_commit_refuses_the_changes_that_it_is_among(source: TableSource, tmp_path: Path):
    write(tmp_path, [[add("/etc/passwd")], [{"remove": {"path": "/etc/passwd"}}]], first=6)
    tables = cache()
    assert (await tables.snapshot(source)).version == 7
    assert len([commit async for commit in tables.commits(source, 1, 5)]) == 5
    with pytest.raises(TableUnreadable, match="outside"):
        _ = [commit async for commit in tables.commits(source, 1, 7)]
