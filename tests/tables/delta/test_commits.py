"""What versions changed, file by file; and hostile commits."""

import json
from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable, VersionGone
from lakeshare.tables.base import CHANGE_COLUMNS, Commit
from samples.delta import (
    Action,
    add,
    cdc,
    commit_path,
    metadata,
    protocol,
    remove,
    write_checkpoint,
    write_delta_log,
)
from samples.tables import load, reader

START = [protocol(), metadata(partition_columns=["day"])]
VECTOR = {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "sizeInBytes": 40}
VECTOR_COLUMNS = {"storage_type": "u", "path_or_inline_dv": "ab^-aqEH.-t@S}K{vb[*k^", "offset": 4, "size_in_bytes": 40}


async def commits(root: Path, start: int, end: int) -> list[Commit]:
    return [commit async for commit in reader(root).commits(start, end)]


async def test_a_commit_has_every_action_in_the_logs_order(tmp_path: Path):
    vector = VECTOR | {"cardinality": 6}
    changes = [
        add("b", size=2, partition_values={"day": "1"}, stats="{}", deletion_vector=vector, base_row_id=7),
        remove("a%20b", size=3, partition_values={"day": "2"}, data_change=False),
        remove("./c"),
        cdc("_change_data/x", size=4, partition_values={"day": "3"}),
        add("c", modification_time=9, default_row_commit_version=8, data_change=False),
    ]
    write_delta_log(tmp_path, [START, changes])
    (commit,) = await commits(tmp_path, 1, 1)
    assert list(commit.files.columns) == [*CHANGE_COLUMNS, "partition_values"]
    columns = ["action", "path", "size", "modification_time", "data_change", "stats", "base_row_id"]
    assert commit.files.select(columns).rows() == [
        ("add", "b", 2, 1_700_000_000_000, True, "{}", 7),
        ("remove", "a b", 3, None, False, None, None),
        ("remove", "c", None, None, True, None, None),
        ("cdc", "_change_data/x", 4, None, False, None, None),
        ("add", "c", 1, 9, False, None, None),
    ]
    assert commit.files["partition_values"].struct.field("day").to_list() == ["1", "2", None, "3", None]
    assert commit.files["deletion_vector"].to_list() == [VECTOR_COLUMNS | {"cardinality": 6}, *[None] * 4]
    assert commit.files["default_row_commit_version"].to_list() == [None, None, None, None, 8]


async def test_deletion_vectors_and_row_tracking_come_from_checkpoints_as_from_commits(tmp_path: Path):
    vector = VECTOR | {"cardinality": 6}
    actions = [*START, add("a", deletion_vector=vector, base_row_id=7, default_row_commit_version=3), add("b")]
    write_delta_log(tmp_path, [actions])
    by_commits = (await load(tmp_path)).files.frame()
    write_checkpoint(tmp_path, 0, actions)
    commit_path(tmp_path, 0).unlink()
    assert (await load(tmp_path)).files.frame().equals(by_commits)
    assert by_commits["deletion_vector"].to_list() == [VECTOR_COLUMNS | {"cardinality": 6}, None]
    assert by_commits["base_row_id"].to_list() == [7, None]


async def test_change_files_are_no_files_of_the_table(tmp_path: Path):
    write_delta_log(tmp_path, [START, [add("a"), cdc("_change_data/x")], [cdc("a")]])
    assert (await load(tmp_path)).files.frame()["path"].to_list() == ["a"]


async def test_a_commit_has_the_partition_columns_of_its_own_version(tmp_path: Path):
    new = metadata(partition_columns=["region"])
    write_delta_log(tmp_path, [START, [remove("a")], [new, add("b", partition_values={"region": "x"})], [remove("b")]])
    for start in range(4):
        found = await commits(tmp_path, start, 3)
        assert [commit.version for commit in found] == [*range(start, 4)]
        fields = [[field.name for field in commit.files.schema["partition_values"].fields] for commit in found]
        assert fields == [["day"], ["day"], ["region"], ["region"]][start:]
        assert [commit.metadata is not None for commit in found] == [True, False, True, False][start:]


async def test_partition_values_have_the_physical_names_of_mapped_columns(tmp_path: Path):
    fields = [
        {"name": "day", "type": "string", "nullable": True, "metadata": {"delta.columnMapping.physicalName": "col-1"}},
        {"name": "plain", "type": "string", "nullable": True, "metadata": {}},
    ]
    mapped = metadata(
        partition_columns=["plain", "day"],
        configuration={"delta.columnMapping.mode": "name"},
        schema={"type": "struct", "fields": fields},
    )
    write_delta_log(tmp_path, [[protocol(2, 5), mapped, add("a", partition_values={"col-1": "1", "plain": "2"})]])
    expected = [{"plain": "2", "col-1": "1"}]
    assert (await load(tmp_path)).files.frame()["partition_values"].to_list() == expected
    assert (await commits(tmp_path, 0, 0))[0].files["partition_values"].to_list() == expected


@pytest.mark.parametrize("schema", [{"fields": 3}, {"fields": [{"name": 1}]}, {"fields": [{"metadata": {}}]}])
async def test_a_mapped_schema_that_is_none_refuses_the_read(tmp_path: Path, schema):
    mapped = metadata(partition_columns=["day"], configuration={"delta.columnMapping.mode": "id"}, schema=schema)
    write_delta_log(tmp_path, [[protocol(2, 5), mapped]])
    with pytest.raises(TableUnreadable, match="schema"):
        await load(tmp_path)


@pytest.mark.parametrize(("start", "end", "named"), [(0, 5, 0), (4, 7, 7), (9, 9, 9), (-1, 5, -1), (3, 10**18, 10**18)])
async def test_versions_whose_commits_are_gone_are_refused_at_once(tmp_path: Path, start: int, end: int, named: int):
    write_delta_log(tmp_path, [START, *([add(str(number))] for number in range(1, 7))])
    write_checkpoint(tmp_path, 3, [*START, add("a")])
    for version in range(3):
        commit_path(tmp_path, version).unlink()
    with pytest.raises(VersionGone, match=f"^Version {named} cannot be read: the table has versions 3 to 6.$"):
        await commits(tmp_path, start, end)


INLINE = {"storageType": "i", "pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L"}
HOSTILE_PATHS = [
    "/etc/passwd",
    "../neighbour/x",
    "%2e%2e/neighbour/x",
    "s3://bucket/x",
    "file:///etc/passwd",
    "a/../../x",
]


def vector(storage_type: str, path: str) -> dict[str, object]:
    return {"storageType": storage_type, "pathOrInlineDv": path, "offset": 1, "sizeInBytes": 1, "cardinality": 1}


HOSTILE: list[Action] = [
    *(action(path) for path in HOSTILE_PATHS for action in (add, remove, cdc)),
    *(action("a", deletion_vector=vector("p", path)) for path in HOSTILE_PATHS for action in (add, remove)),
    *(
        add("a", deletion_vector=vector(kind, text))
        for kind, text in [
            ("u", "../../../../x" + "a" * 20),
            ("u", "../" + "a" * 20),
            ("u", ".." + "a" * 20),
            ("u", "%2e%2e" + "a" * 20),
            ("u", "a" * 19),
            ("u", "#" * 20),
            ("u", "a" * 19 + "é"),
            ("u", ""),
            ("p", ""),
            ("p", "a%00b"),
            ("x", "a" * 20),
            ("", "a" * 20),
        ]
    ),
]


@pytest.mark.parametrize("action", HOSTILE, ids=json.dumps)
async def test_a_hostile_action_refuses_its_commit_and_names_no_path(tmp_path: Path, action: Action):
    root = tmp_path / "table"
    write_delta_log(root, [START, [add("fine")], [add("fine too"), action]])
    assert (await commits(root, 0, 1))[1].files["path"].to_list() == ["fine"]
    with pytest.raises(TableUnreadable) as refusal:
        await commits(root, 0, 2)
    assert "/" not in refusal.value.message
    assert "passwd" not in str(refusal.value)
    if "add" in action:
        with pytest.raises(TableUnreadable):
            await load(root)
        write_checkpoint(root, 2, [*START, action])
        with pytest.raises(TableUnreadable):
            await load(root)


async def test_inline_and_inner_deletion_vectors_are_let_through(tmp_path: Path):
    root, other = tmp_path / "table", tmp_path / "other"
    vectors = [INLINE, vector("p", f"{root}/x.bin"), vector("p", f"file:{other}/y.bin"), vector("u", "p1" + "0" * 20)]
    write_delta_log(root, [START, [add(str(number), deletion_vector=one) for number, one in enumerate(vectors)]])
    assert (await load(root, also=[other])).num_files == 4
    with pytest.raises(TableUnreadable, match="outside"):
        await load(root)


@pytest.mark.parametrize(
    "line", ['{"cdc":{"size":1}}', '{"cdc":{"path":"x","size":-1}}', '{"remove":{"path":"x","size":"1"}}']
)
async def test_a_malformed_change_refuses_its_commit(tmp_path: Path, line: str):
    write_delta_log(tmp_path, [START, []])
    commit_path(tmp_path, 1).write_text(line)
    with pytest.raises(TableUnreadable, match="malformed"):
        await commits(tmp_path, 1, 1)


@pytest.mark.parametrize("columns", [["day", "day"], ["day", "x", "day"]])
async def test_two_partition_columns_of_one_name_refuse_the_read(tmp_path: Path, columns: list[str]):
    write_delta_log(tmp_path, [[protocol(), metadata(partition_columns=columns), add("a")]])
    with pytest.raises(TableUnreadable, match="two partition columns"):
        await load(tmp_path)
