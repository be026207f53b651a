"""Random logs: a full load, a refresh from any version, and a dictionary all agree, whatever checkpoints there are."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from hypothesis import given, settings, strategies as st

from lakeshare.datafiles.files import FileList
from lakeshare.errors import TableUnreadable
from lakeshare.storage.locations import normalise_log_path, require_inside, resolve_log_path
from lakeshare.tables.formats.delta.replay import normalised_paths
from samples.delta import (
    CHECKPOINT_KINDS,
    Action,
    add,
    commit_path,
    metadata,
    protocol,
    remove,
    write_checkpoint,
    write_delta_log,
)
from samples.tables import reader

START = [protocol(), metadata(partition_columns=["p"])]
VECTOR = "ab^-aqEH.-t@S}K{vb[*k^"
SPELLINGS = ("{}", "./{}", "d/../{}", "%70{}", "file:{root}/{}", "{root}//{}")
COLUMNS = ("path", "deletion_vector_id", "size", "modification_time", "partition_values")
Model = dict[tuple[str, str | None], Action]

actions = st.tuples(
    st.booleans(), st.integers(0, 5), st.sampled_from(SPELLINGS), st.sampled_from([None, 1, 2]), st.integers(0, 9)
)
logs = st.lists(st.lists(actions, max_size=6), min_size=1, max_size=8)
checkpoints = st.dictionaries(st.integers(1, 8), st.sampled_from(CHECKPOINT_KINDS), max_size=3)


def written(root: Path, version: int, number: int, action: tuple) -> tuple[tuple[str, str | None], Action]:
    """The key that a reader should see, and the action that a writer wrote."""
    adds, file, spelling, vector_id, size = action
    name = f"{file}.parquet"
    key = (f"p{name}" if "%70" in spelling else name, None if vector_id is None else f"u{VECTOR}@{vector_id}")
    path = spelling.format(name, root=root)
    vector = None if vector_id is None else {"storageType": "u", "pathOrInlineDv": VECTOR, "offset": vector_id}
    if not adds:
        return key, remove(path, deletion_vector=vector)
    values = {"p": str(size)} if size else {}
    return key, add(path, size=size, modification_time=version, partition_values=values, deletion_vector=vector)


def apply(model: Model, changes: Sequence[tuple[tuple[str, str | None], Action]]) -> Model:
    after = dict(model)
    for key, action in changes:
        after.pop(key, None)
        if "add" in action:
            after[key] = action
    return after


def rows(model: Model) -> list[tuple]:
    ordered = sorted(model.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return [
        (*key, fields["size"], fields["modificationTime"], {"p": fields["partitionValues"].get("p")})
        for key, action in ordered
        for fields in [action["add"]]
    ]


def frame_rows(files: FileList) -> list[tuple]:
    return files.frame().select(COLUMNS).rows()


async def replayed(root: Path, end: int) -> list[tuple]:
    """The rows of the model of that version, made of the changes of every version before."""
    files: dict[tuple[str, str | None], tuple] = {}
    async for commit in reader(root).commits(0, end):
        for kind, *row in commit.files.select("action", *COLUMNS).rows():
            files.pop((row[0], row[1]), None)
            if kind == "add":
                files[row[0], row[1]] = tuple(row)
    return sorted(files.values(), key=lambda row: (row[0], row[1] or ""))


async def check(root: Path, log: Sequence[Sequence[tuple]], kinds: dict[int, str]) -> None:
    write_delta_log(root, [START])
    model: Model = {}
    known = [await reader(root).load()]
    models = [model]
    for version, commit in enumerate(log, 1):
        changes = [written(root, version, number, action) for number, action in enumerate(commit)]
        write_delta_log(root, [[{"commitInfo": {}}, *(action for _, action in changes)]], first=version)
        model = apply(model, changes)
        if version in kinds:
            write_checkpoint(root, version, [*START, *model.values(), remove("tombstone")], kinds[version])
        fresh = await reader(root).refresh(known[-1])
        loaded = await reader(root).load()
        assert fresh.version == loaded.version == version
        assert frame_rows(fresh.files) == frame_rows(loaded.files) == rows(model)
        assert fresh.size_bytes == loaded.size_bytes == sum(row[2] for row in rows(model))
        known.append(fresh)
        models.append(model)
    for version, earlier_model in enumerate(models):
        assert frame_rows((await reader(root).load(version)).files) == rows(earlier_model)
    assert await replayed(root, len(log)) == rows(model)
    for earlier in known:
        assert frame_rows((await reader(root).refresh(earlier)).files) == rows(model)
    newest_checkpoint = max((version for version in kinds if version <= len(log)), default=-1)
    for version in range(newest_checkpoint):
        commit_path(root, version).unlink()
    assert frame_rows((await reader(root).load()).files) == rows(model)


@settings(max_examples=40, deadline=None)
@given(log=logs, kinds=checkpoints)
def test_load_and_refresh_and_a_dictionary_agree(log, kinds):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(check(Path(directory).resolve() / "a b", log, kinds))


names = [
    "a",
    "b.parquet",
    "é",
    "t",
    "data",
    "x=1:2",
    "localhost",
    "",
    ".",
    "..",
    " ",
    "\n",
    ":",
    "=",
    "?",
    "#",
    "+",
    "\\",
]
escapes = ["%2e%2e", "%2F", "%20", "%25", "%C3%A9", "%00", "%ff", "file:", "s3:", "s3://bucket"]
path_pieces = st.sampled_from([*names, *escapes])
log_paths = st.lists(st.tuples(path_pieces, st.sampled_from(["", "/", "//"])), max_size=7).map(
    lambda pieces: "".join(piece + separator for piece, separator in pieces)
)
roots = st.sampled_from(["file:///data/t", "s3://bucket/data/t", "s3://bucket"])


@settings(max_examples=600, deadline=None)
@given(paths=st.lists(log_paths, min_size=1, max_size=5), root=roots)
def test_a_column_of_paths_is_normalised_as_each_of_them_is(paths, root):
    try:
        expected = [normalise_log_path(path, root) for path in paths]
    except TableUnreadable:
        expected = None
    try:
        found = normalised_paths(pl.Series("path", paths, dtype=pl.String), root).to_list()
    except TableUnreadable:
        found = None
    assert found == expected


@settings(max_examples=500, deadline=None)
@given(path=log_paths, root=roots)
def test_a_path_is_inside_the_root_or_refused(path, root):
    try:
        key = resolve_log_path(path, root)
    except TableUnreadable:
        return
    assert not key.startswith("/")
    assert not {"", ".", ".."} & set(key.split("/"))


@settings(max_examples=300, deadline=None)
@given(path=log_paths)
def test_only_an_additional_root_lets_a_path_out(path):
    root, other = "file:///data/t", "file:///data/other"
    try:
        key = normalise_log_path(path, root)
        require_inside(key, [other])
    except TableUnreadable:
        return
    assert "://" not in key or key.startswith(other + "/")
