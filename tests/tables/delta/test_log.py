"""Which parts of a log make a version: commits, every kind of checkpoint, the hint, and what may be missing."""

import shutil
from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import TableMetadata, TableProtocol
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
from samples.tables import load, paths

START = [protocol(), metadata()]
COMMITS = [START, [add("a"), add("b")], [remove("a"), add("c")], [add("d")]]
AT_2 = [*START, remove("a"), add("b"), add("c")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_delta_log(tmp_path / "table", COMMITS)
    return tmp_path / "table"


def drop_commits(root: Path, *versions: int) -> None:
    for version in versions:
        commit_path(root, version).unlink()


async def test_commits_alone_make_a_version(root: Path):
    snapshot = await load(root)
    assert (snapshot.version, paths(snapshot)) == (3, ["b", "c", "d"])


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_every_kind_of_checkpoint_stands_for_the_commits_before_it(root: Path, kind):
    write_checkpoint(root, 2, AT_2, kind)
    drop_commits(root, 0, 1, 2)
    snapshot = await load(root)
    assert (snapshot.version, paths(snapshot)) == (3, ["b", "c", "d"])


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_a_checkpoint_without_any_commit_is_a_version(root: Path, kind):
    write_checkpoint(root, 2, AT_2, kind)
    drop_commits(root, 0, 1, 2, 3)
    snapshot = await load(root)
    assert (snapshot.version, paths(snapshot)) == (2, ["b", "c"])


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_checkpoints_and_commits_give_equal_frames(root: Path, kind):
    by_commits = await load(root)
    write_checkpoint(root, 2, AT_2, kind)
    assert (await load(root)).files.frame().equals(by_commits.files.frame())


@pytest.mark.parametrize(
    "hint",
    [
        b"",
        b"\x00\xff garbage",
        b"[]",
        b'{"version":"2"}',
        b'{"version":null}',
        b'{"version":1}',
        b'{"version":99}',
        b'{"version":-5}',
        b'{"version":123456789012345678901234567890}',
    ],
)
async def test_a_wrong_hint_changes_nothing(root: Path, hint: bytes):
    write_checkpoint(root, 2, AT_2)
    (root / "_delta_log/_last_checkpoint").write_bytes(hint)
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_stale_hint_does_not_hide_a_newer_checkpoint(root: Path):
    write_checkpoint(root, 1, [*START, add("a"), add("b")])
    write_checkpoint(root, 2, AT_2, hint=False)
    drop_commits(root, 0, 1, 2)
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_missing_part_makes_a_checkpoint_none(root: Path):
    first, *_ = write_checkpoint(root, 2, AT_2, "parts")
    first.unlink()
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_missing_part_is_not_hidden_where_the_commits_are_gone(root: Path):
    first, *_ = write_checkpoint(root, 2, AT_2, "parts")
    first.unlink()
    drop_commits(root, 0)
    with pytest.raises(TableUnreadable, match="lacks version 0"):
        await load(root)


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_a_corrupt_checkpoint_gives_way_to_an_older_one(root: Path, kind):
    write_checkpoint(root, 1, [*START, add("a"), add("b")])
    for path in write_checkpoint(root, 2, AT_2, kind):
        path.write_bytes(path.read_bytes()[:-7])
    drop_commits(root, 0, 1)
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_missing_sidecar_gives_way_to_the_commits(root: Path):
    *_, sidecar = write_checkpoint(root, 2, AT_2, "v2-json")
    sidecar.unlink()
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_corrupt_checkpoint_that_nothing_replaces_is_an_error(root: Path):
    (checkpoint,) = write_checkpoint(root, 2, AT_2)
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    drop_commits(root, 0)
    with pytest.raises(TableUnreadable, match="checkpoint cannot be read"):
        await load(root)


async def test_an_unreadable_newest_checkpoint_never_gives_an_older_version(root: Path):
    """Versions 2 and 3 are known by the checkpoint alone; version 1 would load."""
    (checkpoint,) = write_checkpoint(root, 3, [*AT_2, add("d")])
    checkpoint.write_bytes(b"PAR1")
    drop_commits(root, 2, 3)
    with pytest.raises(TableUnreadable):
        await load(root)


async def test_sidecars_cannot_be_read_from_outside_the_table(root: Path, tmp_path: Path):
    path, _, sidecar = write_checkpoint(root, 2, AT_2, "v2-json")
    outside = tmp_path / sidecar.name
    shutil.move(sidecar, outside)
    for elsewhere in (f"../../../{outside.name}", f"file://{outside}", str(outside)):
        path.write_text(path.read_text().replace(sidecar.name, elsewhere))
        assert paths(await load(root)) == ["b", "c", "d"], "read from the commits"
        path.write_text(path.read_text().replace(elsewhere, sidecar.name))
    drop_commits(root, 0)
    with pytest.raises(TableUnreadable):
        await load(root)


async def test_an_absolute_sidecar_path_inside_the_table_is_read(root: Path):
    path, _, sidecar = write_checkpoint(root, 2, AT_2, "v2-json")
    path.write_text(path.read_text().replace(sidecar.name, f"file:{sidecar}"))
    drop_commits(root, 0)
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_gap_in_the_commits_is_an_error(root: Path):
    drop_commits(root, 2)
    with pytest.raises(TableUnreadable, match="lacks version 2"):
        await load(root)


async def test_compacted_commits_and_strange_names_are_ignored(root: Path):
    log = root / "_delta_log"
    for name in ("00000000000000000000.00000000000000000009.compacted.json", "00000000000000000009.crc", "9.json", "x"):
        (log / name).write_text("{broken")
    (log / "00000000000000000004.json.tmp").write_text("{broken")
    (log / "_staged_commits").mkdir()
    assert (await load(root)).version == 3


async def test_the_newest_protocol_and_metadata_win(root: Path):
    changed = metadata("new", configuration={"delta.appendOnly": "true"})
    write_delta_log(root, [[protocol(7, 9, features=["deletionVectors", "unheardOf"]), changed]], first=4)
    snapshot = await load(root)
    features = ("deletionVectors", "unheardOf")
    assert snapshot.protocol == TableProtocol(7, 9, features, features)
    assert snapshot.metadata.id == "new"
    assert snapshot.metadata.configuration == {"delta.appendOnly": "true"}
    assert paths(snapshot) == ["b", "c", "d"]


@pytest.mark.parametrize("kind", CHECKPOINT_KINDS)
async def test_protocol_and_metadata_of_a_checkpoint_are_those_of_the_commit(root: Path, kind):
    start = [protocol(3, 7, features=["v2Checkpoint"]), metadata(configuration={"a": "b", "c": "d"})]
    write_delta_log(root, [start])
    by_commits = await load(root)
    write_checkpoint(root, 2, [*start, add("b"), add("c")], kind)
    drop_commits(root, 0)
    by_checkpoint = await load(root)
    assert by_checkpoint.protocol == by_commits.protocol == TableProtocol(3, 7, ("v2Checkpoint",), ("v2Checkpoint",))
    assert by_checkpoint.metadata == by_commits.metadata
    assert isinstance(by_commits.metadata, TableMetadata)
    assert by_commits.metadata.configuration == {"a": "b", "c": "d"}


async def test_the_last_line_may_lack_a_newline_and_blank_lines_say_nothing(root: Path):
    commit = commit_path(root, 3)
    commit.write_text("\n\n  \n" + commit.read_text().rstrip("\n"))
    assert paths(await load(root)) == ["b", "c", "d"]


async def test_a_commit_that_only_tells_of_itself_changes_nothing(root: Path):
    write_delta_log(
        root, [[{"commitInfo": {"timestamp": 1, "operation": "OPTIMIZE"}}, {"unheardOf": {"a": []}}]], first=4
    )
    snapshot = await load(root)
    assert (snapshot.version, paths(snapshot)) == (4, ["b", "c", "d"])


async def test_a_gap_behind_a_checkpoint_is_the_version_that_an_error_names(root: Path):
    write_checkpoint(root, 1, [*START, add("a"), add("b")])
    drop_commits(root, 0, 1, 2)
    with pytest.raises(TableUnreadable, match="lacks version 2"):
        await load(root)
