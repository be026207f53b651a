"""Older versions: which can be rebuilt, from what, and how the others are refused."""

from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable, VersionGone
from samples.delta import (
    CHECKPOINT_KINDS,
    add,
    commit_path,
    metadata,
    protocol,
    remove,
    write_checkpoint,
    write_delta_log,
)
from samples.tables import paths, reader

START = [protocol(), metadata()]
COMMITS = [START, *([add(str(number))] for number in range(1, 13))]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_delta_log(tmp_path, COMMITS)
    return tmp_path


def clean_up(root: Path, version: int, kind="single") -> None:
    """Write a checkpoint of that version, and drop the commits before it."""
    write_checkpoint(root, version, [*START, *(add(str(number)) for number in range(1, version + 1))], kind)
    for number in range(version):
        commit_path(root, number).unlink(missing_ok=True)


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_every_version_from_the_oldest_checkpoint_on_can_be_read(root: Path, kind):
    clean_up(root, 5, kind)
    for version in range(5, 13):
        snapshot = await reader(root).load(version)
        assert (snapshot.version, snapshot.num_files) == (version, version)
        assert await reader(root).metadata_at(version) == (snapshot.protocol, snapshot.metadata)


@pytest.mark.parametrize("version", [-1, 0, 3, 4, 13, 10**18])
async def test_any_other_version_is_refused_with_those_that_there_are(root: Path, version: int):
    clean_up(root, 5)
    refusal = f"^Version {version} cannot be read: the table has versions 5 to 12.$"
    with pytest.raises(VersionGone, match=refusal):
        await reader(root).load(version)
    with pytest.raises(VersionGone, match=refusal):
        await reader(root).metadata_at(version)


async def test_a_checkpoint_alone_is_the_one_version_that_there_is(root: Path):
    clean_up(root, 12)
    commit_path(root, 12).unlink()
    assert (await reader(root).load(12)).num_files == 12
    with pytest.raises(VersionGone, match="the table has version 12 only"):
        await reader(root).load(11)


async def test_an_older_version_comes_from_the_newest_checkpoint_before_it(root: Path):
    clean_up(root, 5)
    write_checkpoint(root, 9, [*START, add("of the checkpoint")])
    assert paths(await reader(root).load(9)) == ["of the checkpoint"]
    assert (await reader(root).load(8)).num_files == 8
    commit_path(root, 6).write_text("{broken")
    assert paths(await reader(root).load(10)) == ["10", "of the checkpoint"]


async def test_a_version_has_the_protocol_metadata_and_partition_columns_that_were_in_force(root: Path):
    changed = [protocol(3, 7, features=["timestampNtz"]), metadata("new", partition_columns=["day"])]
    write_delta_log(root, [[*changed, add("x", partition_values={"day": "1"})], [add("y")]], first=13)
    before, after = await reader(root).load(12), await reader(root).load(13)
    assert "partition_values" not in before.files.columns
    assert after.files.frame()["partition_values"].to_list()[-1] == {"day": "1"}
    newest = await reader(root).load()
    for version in range(15):
        expected = (before, after)[version >= 13]
        for known in (None, newest):
            description = await reader(root).metadata_at(version, newest=known)
            assert description == (expected.protocol, expected.metadata)


async def test_a_file_outside_refuses_the_versions_that_have_it_and_no_other(root: Path):
    write_delta_log(root, [[add("/etc/passwd")], [remove("/etc/passwd")]], first=13)
    for version in (12, 14):
        assert (await reader(root).load(version)).num_files == 12
    with pytest.raises(TableUnreadable, match="outside"):
        await reader(root).load(13)


async def test_a_table_that_is_not_there_is_unreadable_and_not_without_that_version(tmp_path: Path):
    for question in (reader(tmp_path).load(0), reader(tmp_path).metadata_at(0), reader(tmp_path).history()):
        with pytest.raises(TableUnreadable, match="no transaction log"):
            await question
