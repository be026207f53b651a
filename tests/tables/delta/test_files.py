"""The frame of active files: paths, partition values, statistics, deletion vectors, times."""

import json
from pathlib import Path

import polars as pl
import pytest

from lakeshare.errors import TableUnreadable
from samples.delta import (
    add,
    commit_path,
    metadata,
    protocol,
    remove,
    set_time,
    write_checkpoint,
    write_delta_log,
    write_large_log,
)
from samples.tables import load, paths

START = [protocol(), metadata()]


async def test_every_spelling_of_a_path_is_one_file(tmp_path: Path):
    root = tmp_path / "a table"
    spellings = ["day=1/a%20b.parquet", "./day=1/a b.parquet", "day=1//a b.parquet", f"{root}/day=1/a%20b.parquet"]
    spellings += [f"file:{root}/day=1/a b.parquet", f"file://{root}/x/../day=1/a%20b.parquet"]
    write_delta_log(root, [START, *([add(spelling, size=size)] for size, spelling in enumerate(spellings))])
    snapshot = await load(root)
    assert paths(snapshot) == ["day=1/a b.parquet"]
    assert snapshot.size_bytes == len(spellings) - 1, "the newest add wins"
    for version, spelling in enumerate(spellings, snapshot.version + 1):
        write_delta_log(root, [[remove(spelling)]], first=version)
        assert paths(await load(root)) == []
        commit_path(root, version).write_text(json.dumps({"commitInfo": {}}))


@pytest.mark.parametrize(
    "path",
    [
        "../other/x",
        "%2e%2e/other/x",
        "/etc/passwd",
        "file:/etc/passwd",
        "file:///etc/passwd",
        "s3://bucket/x",
        "a/../../x",
    ],
)
async def test_an_active_file_outside_the_table_refuses_the_read(tmp_path: Path, path: str):
    write_delta_log(tmp_path / "t", [START, [add("fine"), add(path)]])
    with pytest.raises(TableUnreadable, match="outside the table's own directory") as refusal:
        await load(tmp_path / "t")
    assert "passwd" not in str(refusal.value)


async def test_a_removed_file_outside_the_table_does_not_matter(tmp_path: Path):
    write_delta_log(
        tmp_path, [START, [add("/elsewhere/x")], [remove("file:/elsewhere/x"), remove("s3://b/y"), add("a")]]
    )
    assert paths(await load(tmp_path)) == ["a"]


async def test_a_file_under_an_additional_root_is_a_whole_location(tmp_path: Path):
    other = tmp_path / "other"
    write_delta_log(tmp_path / "t", [START, [add(f"file:{other}/x%20y"), add("../other/z"), add("a")]])
    found = paths(await load(tmp_path / "t", also=[other]))
    assert found == ["a", f"file://{other}/x y", f"file://{other}/z"]


@pytest.mark.parametrize("path", ["a%00b", "%ff"])
async def test_a_name_that_no_file_can_have_refuses_the_read(tmp_path: Path, path: str):
    write_delta_log(tmp_path, [START, [add(path)]])
    with pytest.raises(TableUnreadable, match="cannot exist"):
        await load(tmp_path)


async def test_a_table_behind_a_symlink_is_read(tmp_path: Path):
    write_delta_log(tmp_path / "real", [START, [add("a"), add(f"{tmp_path}/real/b")]])
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert paths(await load(tmp_path / "link")) == ["a", "b"]


@pytest.mark.parametrize("checkpoint", [False, True])
async def test_partition_values_are_raw_and_missing_ones_null(tmp_path: Path, checkpoint: bool):
    actions = [
        protocol(),
        metadata(partition_columns=["Region", "day"]),
        add("a", partition_values={"day": "1", "Region": "Lac Léman"}),
        add("b", partition_values={"Region": None, "day": ""}),
        add("c", partition_values={"region": "by case", "other": "x"}),
        add("d"),
    ]
    if checkpoint:
        write_checkpoint(tmp_path, 0, actions)
    else:
        write_delta_log(tmp_path, [actions])
    files = (await load(tmp_path)).files
    assert files["partition_values"].to_list() == [
        {"Region": "Lac Léman", "day": "1"},
        {"Region": None, "day": ""},
        {"Region": "by case", "day": None},
        {"Region": None, "day": None},
    ]


async def test_an_exact_partition_name_goes_before_one_that_differs_by_case(tmp_path: Path):
    values = {"a": "lower", "A": "upper"}
    write_delta_log(tmp_path, [[protocol(), metadata(partition_columns=["A"]), add("x", partition_values=values)]])
    assert (await load(tmp_path)).files.frame()["partition_values"].to_list() == [{"A": "upper"}]


async def test_deletion_vectors_tell_entries_of_one_file_apart(tmp_path: Path):
    first = {
        "storageType": "u",
        "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
        "offset": 4,
        "sizeInBytes": 40,
        "cardinality": 6,
    }
    inline = {
        "storageType": "i",
        "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
        "sizeInBytes": 40,
        "cardinality": 6,
    }
    write_delta_log(tmp_path, [START, [add("a")], [remove("a"), add("a", deletion_vector=first)]])
    assert (await load(tmp_path)).files.frame()["deletion_vector_id"].to_list() == ["uab^-aqEH.-t@S}K{vb[*k^@4"]
    write_delta_log(tmp_path, [[remove("a", deletion_vector=first), add("a", deletion_vector=inline)]], first=3)
    assert (await load(tmp_path)).files.frame()["deletion_vector_id"].to_list() == ["i" + inline["pathOrInlineDv"]]
    write_checkpoint(tmp_path, 3, [*START, add("a", deletion_vector=first), add("b", deletion_vector=inline), add("a")])
    files = (await load(tmp_path)).files
    assert files.select("path", "deletion_vector_id").rows() == [
        ("a", None),
        ("a", "uab^-aqEH.-t@S}K{vb[*k^@4"),
        ("b", "i" + inline["pathOrInlineDv"]),
    ]


async def test_a_file_that_a_checkpoint_names_twice_is_one_file(tmp_path: Path):
    write_checkpoint(tmp_path, 0, [*START, add("a b"), add("a%20b"), add("c")])
    assert paths(await load(tmp_path)) == ["a b", "c"]


async def test_the_last_action_on_a_file_wins_within_a_commit(tmp_path: Path):
    write_delta_log(tmp_path, [START, [add("a"), add("a", size=7), add("b"), remove("b"), remove("c"), add("c")]])
    snapshot = await load(tmp_path)
    assert (paths(snapshot), snapshot.size_bytes) == (["a", "c"], 8)


async def test_statistics_come_raw(tmp_path: Path):
    stats = '{"numRecords": 2, "minValues":{"id":1e0}}'
    write_delta_log(tmp_path, [START, [add("a", stats=stats), add("b")]])
    write_checkpoint(tmp_path, 1, [*START, add("a", stats=stats), add("b")])
    assert (await load(tmp_path)).files.frame()["stats"].to_list() == [stats, None]


async def test_statistics_that_a_checkpoint_keeps_as_columns_become_json_again(tmp_path: Path):
    (path,) = write_checkpoint(tmp_path, 0, [*START, add("a"), add("b", stats='{"numRecords":1}'), add("c")])
    values = pl.struct(
        id=pl.lit(5), at=pl.lit("2024-05-06T07:08:09.123456").str.to_datetime(time_zone="UTC"), day=pl.date(2024, 5, 6)
    )
    parsed = pl.when(pl.col("add").struct.field("path") != "c").then(pl.struct(numRecords=pl.lit(3), minValues=values))
    checkpoint = pl.read_parquet(path)
    checkpoint.with_columns(pl.col("add").struct.with_fields(stats_parsed=parsed)).write_parquet(path)
    expected = {"numRecords": 3, "minValues": {"id": 5, "at": "2024-05-06T07:08:09.123456Z", "day": "2024-05-06"}}
    first, second, third = (await load(tmp_path)).files.frame()["stats"]
    assert (json.loads(first), second, third) == (expected, '{"numRecords":1}', None)


async def test_the_time_is_the_commits(tmp_path: Path):
    write_delta_log(tmp_path, [START, [add("a")]])
    set_time(commit_path(tmp_path, 0), 1_600_000_000_000)
    set_time(commit_path(tmp_path, 1), 1_600_000_000_123)
    assert (await load(tmp_path)).timestamp == 1_600_000_000_123


@pytest.mark.parametrize("at_checkpoint", [False, True])
async def test_the_time_is_the_one_in_the_commit_where_the_table_keeps_it(tmp_path: Path, at_checkpoint: bool):
    start = [protocol(), metadata(configuration={"delta.enableInCommitTimestamps": "true"})]
    write_delta_log(tmp_path, [start, [{"commitInfo": {"inCommitTimestamp": 1_600_000_000_999}}, add("a")]])
    if at_checkpoint:
        write_checkpoint(tmp_path, 1, [*start, add("a")])
    assert (await load(tmp_path)).timestamp == 1_600_000_000_999


async def test_the_time_is_the_checkpoints_where_the_commit_is_gone(tmp_path: Path):
    (path,) = write_checkpoint(tmp_path, 4, [*START, add("a")])
    set_time(path, 1_600_000_000_123)
    assert (await load(tmp_path)).timestamp == 1_600_000_000_123


async def test_a_large_log_is_what_it_says(tmp_path: Path):
    write_large_log(tmp_path, 5000, commits=3)
    snapshot = await load(tmp_path)
    assert (snapshot.version, snapshot.num_files) == (3, 5000)
    assert snapshot.files.frame()["partition_values"].null_count() == 0
    assert json.loads(snapshot.files.frame()["stats"].drop_nulls()[0])["numRecords"] == 1000


async def test_a_table_that_shrinks_lets_go_of_its_memory(tmp_path: Path):
    """As after OPTIMIZE: what is left must not keep the statistics of what is gone."""
    stats = json.dumps({"numRecords": 1, "minValues": {"text": "x" * 2000}})
    names = [f"part-{number}" for number in range(2000)]
    write_delta_log(tmp_path, [[*START, *(add(name, stats=stats) for name in names)]])
    write_delta_log(tmp_path, [[*map(remove, names[10:]), add("whole", stats=stats)]], first=1)
    files = (await load(tmp_path)).files
    assert files.height == 11
    held = files["stats"].to_arrow(compat_level=pl.CompatLevel.newest()).buffers()
    assert sum(buffer.size for buffer in held if buffer) < 100_000


@pytest.mark.parametrize("name", ["day=1", "day=2020-01-01 10%3A00%3A00"])
async def test_an_emptied_table_has_no_rows_and_all_columns(tmp_path: Path, name: str):
    start = [protocol(), metadata(partition_columns=["day"])]
    write_delta_log(tmp_path, [start, [add(f"{name}/a", partition_values={"day": "1"})], [remove(f"{name}/a")]])
    snapshot = await load(tmp_path)
    assert (snapshot.num_files, snapshot.size_bytes) == (0, 0)
    assert snapshot.files.columns[-1] == "partition_values"
