"""The snapshot cache, over a real log and a counting clock of our own."""

import asyncio
import shutil
from pathlib import Path

import pytest

from lakeshare.errors import InvalidValue, TableUnreadable
from lakeshare.tables.base import Snapshot, TableSource
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.cache import SnapshotCache
from no_disk import NO_DISK
from samples.delta import add, commit_path, metadata, protocol, write_delta_log

START = [protocol(), metadata()]
PLENTY = 1 << 30


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def table(root: Path, files: int = 1, **options) -> TableSource:
    write_delta_log(root, [START, [add(f"part-{number}.parquet") for number in range(files)]])
    return TableSource(root.name, f"file://{root.resolve()}", **options)


def commit(source: TableSource, version: int) -> None:
    write_delta_log(Path(source.root.removeprefix("file://")), [[add(f"new-{version}")]], first=version)


def cache(clock: Clock, freshness_ms: int = 1000, max_bytes: int = PLENTY) -> SnapshotCache:
    return SnapshotCache({"file": freshness_ms, "": 0}, ByteBudget(max_bytes), NO_DISK, clock)


async def test_is_not_rechecked_while_it_is_fresh(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path), cache(clock)
    first = await tables.snapshot(source)
    commit(source, 2)
    clock.now += 999
    assert await tables.snapshot(source) is first
    clock.now += 1
    assert (await tables.snapshot(source)).version == 2


async def test_every_call_sees_what_was_committed_before_it_where_freshness_is_zero(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path), cache(clock, 0)
    for version in range(2, 8):
        commit(source, version)
        assert (await tables.snapshot(source)).version == version


async def test_a_call_during_a_look_sees_what_was_committed_before_it(tmp_path: Path, clock: Clock):
    """A look that began before the commit may have missed it."""
    source, tables = table(tmp_path), cache(clock, 0)
    for version in range(2, 30):
        earlier = asyncio.create_task(tables.snapshot(source))
        for _ in range(version % 5):
            await asyncio.sleep(0)
        commit(source, version)
        assert (await tables.snapshot(source)).version == version
        assert (await earlier).version in (version - 1, version)


async def test_schemes_that_are_not_named_have_the_freshness_of_the_empty_one(tmp_path: Path, clock: Clock):
    source = table(tmp_path)
    tables = SnapshotCache({"s3": 0, "": 1000}, ByteBudget(PLENTY), NO_DISK, clock)
    first = await tables.snapshot(source)
    commit(source, 2)
    assert await tables.snapshot(source) is first


async def test_a_herd_shares_one_load(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path, 200), cache(clock)
    snapshots = await asyncio.gather(*(tables.snapshot(source) for _ in range(50)))
    assert all(snapshot is snapshots[0] for snapshot in snapshots)


async def test_a_herd_on_a_broken_table_gets_one_attempt_and_one_error(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path), cache(clock, 0)
    commit_path(tmp_path, 1).write_text("{broken")
    errors = await asyncio.gather(*(tables.snapshot(source) for _ in range(50)), return_exceptions=True)
    assert {type(error) for error in errors} == {TableUnreadable}
    assert all(error is errors[0] for error in errors)


async def test_a_failure_is_not_remembered(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path), cache(clock)
    good = commit_path(tmp_path, 1).read_text()
    commit_path(tmp_path, 1).write_text("{broken")
    with pytest.raises(TableUnreadable):
        await tables.snapshot(source)
    commit_path(tmp_path, 1).write_text(good)
    assert (await tables.snapshot(source)).version == 1


async def test_a_caller_who_goes_away_does_not_end_the_load_for_others(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path, 500), cache(clock)
    first, second = (asyncio.create_task(tables.snapshot(source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).version == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_that_nobody_waits_for_is_silent(tmp_path: Path, clock: Clock):
    told: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    source, tables = table(tmp_path), cache(clock)
    commit_path(tmp_path, 1).write_text("{broken")
    caller = asyncio.create_task(tables.snapshot(source))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    with pytest.raises(TableUnreadable):
        await tables.snapshot(source)
    assert told == []


async def test_a_log_that_vanished_is_an_error_and_not_the_last_snapshot(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path / "t"), cache(clock, 0)
    await tables.snapshot(source)
    shutil.rmtree(tmp_path / "t")
    for _ in range(2):
        with pytest.raises(TableUnreadable):
            await tables.snapshot(source)


async def test_never_goes_back_to_an_older_version(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path), cache(clock, 0)
    await tables.snapshot(source)
    commit_path(tmp_path, 1).unlink()
    for _ in range(2):
        with pytest.raises(TableUnreadable, match="went back"):
            await tables.snapshot(source)
    commit(source, 1)
    assert (await tables.snapshot(source)).version == 1


async def test_the_least_recently_used_goes_first(tmp_path: Path, clock: Clock):
    a, b, c = (table(tmp_path / name, 100) for name in "abc")
    size = (await cache(clock).snapshot(a)).files.private_bytes
    tables = cache(clock, max_bytes=int(size * 2.5))
    first = {source: await tables.snapshot(source) for source in (a, b)}
    assert await tables.snapshot(a) is first[a], "used again"
    kept_c = await tables.snapshot(c)
    assert await tables.snapshot(a) is first[a]
    assert await tables.snapshot(c) is kept_c
    assert await tables.snapshot(b) is not first[b]


async def test_a_snapshot_bigger_than_the_budget_is_served_and_drops_no_other(tmp_path: Path, clock: Clock):
    small, big = table(tmp_path / "small"), table(tmp_path / "big", 500)
    tables = cache(clock, max_bytes=2000)
    kept = await tables.snapshot(small)
    assert (await tables.snapshot(big)).num_files == 500
    assert (await tables.snapshot(big)).num_files == 500
    assert await tables.snapshot(small) is kept


async def test_tables_are_told_apart_by_their_whole_source(tmp_path: Path, clock: Clock):
    """One with an additional root may show files that the other must not."""
    root, other = tmp_path / "t", tmp_path / "other"
    write_delta_log(root, [START, [add(f"{other}/x")]])
    tables = cache(clock)
    open_source = TableSource("t", f"file://{root}", also=(f"file://{other}",))
    assert (await tables.snapshot(open_source)).num_files == 1
    with pytest.raises(TableUnreadable, match="outside"):
        await tables.snapshot(TableSource("t", f"file://{root}"))


async def test_an_unknown_format_is_an_error(tmp_path: Path, clock: Clock):
    with pytest.raises(InvalidValue, match="orc"):
        await cache(clock).snapshot(table(tmp_path, format="orc"))


async def test_the_loop_runs_while_a_table_is_loaded(tmp_path: Path, clock: Clock):
    source, tables = table(tmp_path, 20_000), cache(clock)
    loading = asyncio.create_task(tables.snapshot(source))
    turns = 0
    while not loading.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100
    assert isinstance(loading.result(), Snapshot)
