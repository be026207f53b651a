"""What every table format promises, asked of each: a format without a sample here fails."""

import pkgutil
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeshare.errors import InvalidValue, TableUnreadable, VersionGone
from lakeshare.storage.backends import open_store
from lakeshare.storage.locations import parse_location
from lakeshare.tables import formats
from lakeshare.tables.base import CHANGE_COLUMNS, FILE_COLUMNS, TableSource
from lakeshare.tables.formats import detect_format, open_table
from samples import delta

FORMATS = [found.name for found in pkgutil.iter_modules(formats.__path__)]
every_format = pytest.mark.parametrize("name", FORMATS)


def delta_sample(root: Path) -> None:
    """Two files, `a` and `b`, partitioned by `day`."""
    start = [delta.protocol(), delta.metadata(partition_columns=["day"])]
    files = [delta.add("b", size=2, partition_values={"day": "2"}), delta.add("a", partition_values={"day": "1"})]
    delta.write_delta_log(root, [start, files])


SAMPLES: dict[str, Callable[[Path], None]] = {"delta": delta_sample}


def sample(name: str, root: Path) -> TableSource:
    SAMPLES[name](root)
    return TableSource("t", parse_location(str(root)), format=name)


@every_format
async def test_is_detected_where_it_is(name: str, tmp_path: Path):
    source = sample(name, tmp_path / "table")
    assert await detect_format(open_store(source.root), source.root) == name


async def test_no_format_is_detected_in_an_empty_directory(tmp_path: Path):
    with pytest.raises(InvalidValue, match=r"There is no table at .*Available formats: .*delta"):
        await detect_format(open_store(f"file://{tmp_path}"), f"file://{tmp_path}")


async def test_an_unknown_format_is_refused_with_those_that_there_are(tmp_path: Path):
    with pytest.raises(InvalidValue, match=r"Unknown table format 'orc'\. Available: .*delta"):
        open_table(TableSource("t", f"file://{tmp_path}", format="orc"))


async def test_an_unknown_scheme_is_refused():
    with pytest.raises(InvalidValue, match="gopher"):
        open_table(TableSource("t", "gopher://host/table"))


@every_format
async def test_gives_the_files_in_order(name: str, tmp_path: Path):
    snapshot = await open_table(sample(name, tmp_path)).load()
    assert list(snapshot.files.frame().schema)[: len(FILE_COLUMNS)] == list(FILE_COLUMNS)
    assert snapshot.files.frame()["path"].to_list() == ["a", "b"]
    assert snapshot.files.frame()["partition_values"].to_list() == [{"day": "1"}, {"day": "2"}]
    assert (snapshot.num_files, snapshot.size_bytes) == (2, 3)


@every_format
async def test_refresh_gives_the_same_snapshot_where_nothing_changed(name: str, tmp_path: Path):
    reader = open_table(sample(name, tmp_path))
    snapshot = await reader.load()
    assert await reader.refresh(snapshot) is snapshot


@every_format
async def test_a_table_that_is_gone_cannot_be_read(name: str, tmp_path: Path):
    reader = open_table(sample(name, tmp_path / "table"))
    snapshot = await reader.load()
    shutil.rmtree(tmp_path / "table")
    with pytest.raises(TableUnreadable):
        await reader.load()
    with pytest.raises(TableUnreadable):
        await reader.refresh(snapshot)


@every_format
async def test_every_version_of_the_history_can_be_read_and_has_its_time(name: str, tmp_path: Path):
    reader = open_table(sample(name, tmp_path))
    newest, history = await reader.load(), await reader.history()
    assert history.last == newest.version
    for known in await history.times():
        snapshot = await reader.load(known.version, history=history)
        assert (snapshot.version, snapshot.timestamp) == (known.version, known.timestamp)
        assert await reader.metadata_at(known.version) == (snapshot.protocol, snapshot.metadata)


@every_format
async def test_the_changes_since_the_first_version_add_up(name: str, tmp_path: Path):
    reader = open_table(sample(name, tmp_path))
    history = await reader.history()
    commits = [commit async for commit in reader.commits(history.first, history.last)]
    assert [commit.version for commit in commits] == [*range(history.first, history.last + 1)]
    assert all(list(commit.files.columns)[: len(CHANGE_COLUMNS)] == [*CHANGE_COLUMNS] for commit in commits)
    assert sorted(path for commit in commits for path in commit.files["path"]) == ["a", "b"]


@every_format
async def test_versions_that_are_not_there_are_refused(name: str, tmp_path: Path):
    reader = open_table(sample(name, tmp_path))
    beyond = (await reader.load()).version + 1
    with pytest.raises(VersionGone, match=f"^Version {beyond} cannot be read: the table has version"):
        await reader.load(beyond)
    with pytest.raises(VersionGone, match=f"^Version {beyond} cannot be read: the table has version"):
        await anext(reader.commits(0, beyond))
