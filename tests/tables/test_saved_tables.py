"""Large tables over a real log and a real disk: opened from what was saved, by this process or by another one."""

import asyncio
import shutil
from pathlib import Path

import pytest

from lakeshare.tables.base import Snapshot, TableSource
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.cache import SnapshotCache
from lakeshare.tables.disk_cache import DiskCache
from lakeshare.tables.saved_segments import load
from samples.delta import add, metadata, protocol, remove, write_delta_log

START = [protocol(), metadata()]
FILES = 6_000
STATS = '{"numRecords":1,"comment":"' + "x" * 1_000 + '"}'


@pytest.fixture
def disk(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", 1 << 30, bytes(32))


def large_table(root: Path, **options) -> TableSource:
    write_delta_log(root, [START, [add(f"part-{number:05}", stats=STATS) for number in range(FILES)]])
    return TableSource(root.name, f"file://{root.resolve()}", **options)


def process(disk: DiskCache) -> SnapshotCache:
    """What a worker that has just begun knows."""
    return SnapshotCache({"": 0}, ByteBudget(1 << 30), disk, lambda: 1_700_000_000_000)


async def saved(tables: SnapshotCache, source: TableSource) -> Snapshot:
    """The snapshot once it is on the disk."""
    async with asyncio.timeout(60):
        while True:
            snapshot = await tables.snapshot(source)
            if snapshot.files.segments[0].is_mapped:
                return snapshot
            await asyncio.sleep(0.01)


async def test_a_large_table_leaves_memory_once_it_is_saved(tmp_path: Path, disk: DiskCache):
    source, tables = large_table(tmp_path / "t"), process(disk)
    first = await tables.snapshot(source)
    second = await saved(tables, source)
    assert first.files.private_bytes > 6_000_000
    assert second.files.private_bytes < 100_000
    assert second.files.frame().equals(first.files.frame())
    assert (second.version, second.metadata, second.protocol, second.size_bytes, second.proof, second.timestamp) == (
        first.version,
        first.metadata,
        first.protocol,
        first.size_bytes,
        first.proof,
        first.timestamp,
    )


async def test_the_next_process_opens_what_was_saved_and_reads_the_commits_behind_it(tmp_path: Path, disk: DiskCache):
    source = large_table(tmp_path / "t")
    before = await saved(process(disk), source)
    write_delta_log(tmp_path / "t", [[add("new"), remove("part-00007")]], first=2)
    after = await process(disk).snapshot(source)
    assert after.files.segments[0].is_mapped
    assert after.files.segments[0].key == before.files.segments[0].key
    assert after.version == 2
    expected = ["new", *(f"part-{number:05}" for number in range(FILES) if number != 7)]
    assert after.files.frame("path")["path"].to_list() == expected


async def test_a_small_table_is_not_saved(tmp_path: Path, disk: DiskCache):
    write_delta_log(tmp_path / "t", [START, [add("a")]])
    tables = process(disk)
    await tables.snapshot(TableSource("t", f"file://{tmp_path / 't'}"))
    assert not list((tmp_path / "cache").rglob("segments/*"))


@pytest.mark.parametrize("damage", ["another table", "an older one", "deleted cache", "damaged file", "another key"])
async def test_what_was_saved_is_believed_only_of_the_very_table(tmp_path: Path, disk: DiskCache, damage: str):
    source = large_table(tmp_path / "t")
    await saved(process(disk), source)
    if damage == "another table":
        shutil.rmtree(tmp_path / "t")
        write_delta_log(tmp_path / "t", [[protocol(), metadata("11111111-2222-4333-8444-555555555555")], [add("b")]])
    elif damage == "an older one":
        (tmp_path / "t" / "_delta_log" / f"{1:020}.json").unlink()
    elif damage == "deleted cache":
        shutil.rmtree(tmp_path / "cache")
    elif damage == "damaged file":
        (found,) = (tmp_path / "cache").rglob("segments/*")
        with found.open("r+b") as file:
            file.truncate(found.stat().st_size // 2)
    else:
        disk = DiskCache(tmp_path / "cache", 1 << 30, b"k" * 32)
    snapshot = await process(disk).snapshot(source)
    expected = {"another table": (1, 1), "an older one": (0, 0)}.get(damage, (1, FILES))
    assert (snapshot.version, snapshot.num_files) == expected


async def test_a_saved_table_goes_on_as_it_grows(tmp_path: Path, disk: DiskCache):
    source, tables = large_table(tmp_path / "t"), process(disk)
    await saved(tables, source)
    for version in range(2, 20):
        write_delta_log(
            tmp_path / "t", [[add(f"new-{version:02}-{n}", stats=STATS) for n in range(400)]], first=version
        )
        assert (await tables.snapshot(source)).num_files == FILES + 400 * (version - 1)
    again = await saved(tables, source)
    assert again.num_files == FILES + 400 * 18
    assert (await process(disk).snapshot(source)).files.frame().equals(again.files.frame())


async def test_a_table_is_saved_again_when_many_commits_would_have_to_be_read_after_a_restart(
    tmp_path: Path, disk: DiskCache
):
    source, tables = large_table(tmp_path / "t"), process(disk)
    await saved(tables, source)
    write_delta_log(tmp_path / "t", [[add(f"new-{version:03}")] for version in range(2, 300)], first=2)
    assert (await tables.snapshot(source)).version == 299
    async with asyncio.timeout(60):
        while load(disk, source).version.version < 299:  # noqa: ASYNC110  another thread writes it
            await asyncio.sleep(0.01)
    assert (await process(disk).snapshot(source)).num_files == FILES + 298


async def test_a_disk_that_refuses_changes_no_answer(tmp_path: Path):
    source = large_table(tmp_path / "t")
    (tmp_path / "file").touch()
    tables = process(DiskCache(tmp_path / "file" / "cache", 1 << 30, bytes(32)))
    for _ in range(3):
        snapshot = await tables.snapshot(source)
        assert (snapshot.num_files, snapshot.files.segments[0].is_mapped) == (FILES, False)


class CountingDisk(DiskCache):
    def write(self, name, write):
        self.writes = getattr(self, "writes", 0) + 1
        return super().write(name, write)


async def test_a_disk_without_room_is_not_asked_for_every_read(tmp_path: Path):
    source, disk = large_table(tmp_path / "t"), CountingDisk(tmp_path / "cache", 1_000_000, bytes(32))
    tables = process(disk)
    for _ in range(20):
        assert (await tables.snapshot(source)).num_files == FILES
        await asyncio.sleep(0.02)
    assert disk.writes == 1


async def test_readers_that_come_together_cost_one_load(tmp_path: Path, disk: DiskCache):
    source = large_table(tmp_path / "t")
    snapshots = await asyncio.gather(*(tables.snapshot(source) for tables in [process(disk) for _ in range(4)]))
    assert sum(not snapshot.files.segments[0].is_mapped for snapshot in snapshots) == 1
    assert all(snapshot.files.frame().equals(snapshots[0].files.frame()) for snapshot in snapshots)
