"""Which version there was at a time: by file times and by the times that commits hold."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import VersionGone
from lakeshare.storage.base import ObjectInfo
from lakeshare.tables.history import CommitHistory, CommitTime, rising_times
from samples.delta import add, commit_info, commit_path, metadata, protocol, set_time, write_checkpoint, write_delta_log
from samples.tables import reader

times = st.integers(0, 60)
rising = st.lists(times, min_size=1, max_size=12).map(rising_times)


def history(file_times: Sequence[int], held: Sequence[int] = (), first: int = 0) -> tuple[CommitHistory, list[str]]:
    """Of commits with these file times, the last of which hold their own; and the keys of those that are read."""
    begin = len(file_times) - len(held)
    reads: list[str] = []

    async def read(commit: ObjectInfo) -> int:
        reads.append(commit.key)
        return held[int(commit.key) - begin]

    commits = [ObjectInfo(str(number), 1, time) for number, time in enumerate(file_times)]
    stamped_from = first + begin if held else None
    return CommitHistory(first, commits, stamped_from=stamped_from, read_time=read), reads


@given(file_times=st.lists(times, min_size=1, max_size=12), held=rising, first=st.integers(0, 3), stamped=st.booleans())
async def test_the_version_at_a_time_is_the_one_that_a_look_at_all_of_them_finds(
    file_times: list[int], held: list[int], first: int, stamped: bool
):
    held = held if stamped else []
    known, _ = history([*file_times, *(0 for _ in held)], held, first)
    versions = await known.times()
    assert [found.version for found in versions] == [*range(first, first + len(versions))]
    assert all(one.timestamp < next_.timestamp for one, next_ in pairwise(versions))
    assert [found.timestamp for found in versions][len(file_times) :] == held
    for moment in range(-20, 100):
        before = [found for found in versions if found.timestamp <= moment]
        after = [found for found in versions if found.timestamp >= moment]
        if before:
            assert await known.version_at(moment) == before[-1]
        else:
            with pytest.raises(VersionGone):
                await known.version_at(moment)
        if after:
            assert await known.version_from(moment) == after[0]
        else:
            with pytest.raises(VersionGone):
                await known.version_from(moment)


@given(st.lists(times, max_size=20))
def test_file_times_are_raised_only_where_they_run_backwards(given_times: list[int]):
    expected: list[int] = []
    for time in given_times:
        expected.append(time if not expected or time > expected[-1] else expected[-1] + 1)
    assert rising_times(given_times) == expected


async def test_a_search_reads_as_many_commits_as_a_bisection_needs_and_none_twice():
    held = [*range(0, 100_000, 10)]
    known, reads = history([0] * len(held), held)
    assert (await known.version_at(54_321)).version == 5432
    assert 10 <= len(reads) <= 15
    assert len(set(reads)) == len(reads)
    count = len(reads)
    assert (await known.version_at(54_321)).timestamp == 54_320
    assert len(reads) == count


async def test_file_times_alone_read_no_commit_at_all():
    known, reads = history([10, 20, 30])
    assert (await known.version_from(11)).version == 1
    assert reads == []


async def test_refusals_name_the_times_that_there_are():
    known, _ = history([1_600_000_000_000, 1_600_000_001_000])
    with pytest.raises(
        VersionGone, match=r"no version at 2020-.*first version that is left is of 2020-09-13T12:26:40\.000Z"
    ):
        await known.version_at(1_599_999_999_999)
    with pytest.raises(VersionGone, match=r"newest version is of 2020-09-13T12:26:41\.000Z"):
        await known.version_from(1_600_000_001_001)
    with pytest.raises(VersionGone, match=r"no version at -99999999999999999 ms or before"):
        await known.version_at(-99999999999999999)


async def test_a_log_tells_from_which_version_on_its_commits_hold_their_times(tmp_path: Path):
    on = {
        "delta.enableInCommitTimestamps": "true",
        "delta.inCommitTimestampEnablementVersion": "2",
        "delta.inCommitTimestampEnablementTimestamp": "5000",
    }
    log = [[protocol(), metadata()], [add("a")], [commit_info(5000), metadata(configuration=on)]]
    write_delta_log(tmp_path, [*log, [commit_info(6000), add("b")]])
    for version, time in enumerate((1000, 900, 99_000, 99_001)):
        set_time(commit_path(tmp_path, version), time)
    found = await (await reader(tmp_path).history()).times()
    assert [time.timestamp for time in found] == [1000, 1001, 5000, 6000]
    assert [(await reader(tmp_path).load(version)).timestamp for version in range(4)] == [1000, 1001, 5000, 6000]
    assert [commit.timestamp async for commit in reader(tmp_path).commits(0, 3)] == [1000, 1001, 5000, 6000]


@pytest.mark.parametrize("version", ["", "-1", "x", "9" * 5000, "²"])
async def test_a_strange_enablement_version_is_no_crash(tmp_path: Path, version: str):
    on = {"delta.enableInCommitTimestamps": "true", "delta.inCommitTimestampEnablementVersion": version}
    write_delta_log(tmp_path, [[commit_info(5000), protocol(), metadata(configuration=on)]])
    assert [time.timestamp for time in await (await reader(tmp_path).history()).times()] == [5000]


async def test_a_history_knows_what_an_earlier_one_has_read(tmp_path: Path):
    on = metadata(configuration={"delta.enableInCommitTimestamps": "true"})
    write_delta_log(tmp_path, [[commit_info(1), protocol(), on], [commit_info(2)]])
    tables = reader(tmp_path)
    known = await tables.history()
    await known.times()
    write_delta_log(tmp_path, [[commit_info(3)]], first=2)
    later = await tables.history(known=known)
    assert later.known == known.known
    assert len(later) == len(known) + 1


async def test_a_history_begins_behind_the_newest_gap(tmp_path: Path):
    write_delta_log(tmp_path, [[protocol(), metadata()], *([add(str(number))] for number in range(5))])
    write_checkpoint(tmp_path, 3, [protocol(), metadata(), add("0")])
    commit_path(tmp_path, 1).unlink()
    found = await reader(tmp_path).history()
    assert (found.first, found.last, len(found)) == (2, 5, 4)


async def test_a_history_of_a_checkpoint_alone_is_its_version(tmp_path: Path):
    (path,) = write_checkpoint(tmp_path, 7, [protocol(), metadata(), add("a")])
    set_time(path, 123_000)
    assert await (await reader(tmp_path).history()).times() == [CommitTime(7, 123_000)]
