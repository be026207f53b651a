"""What every storage backend promises, asked of each: a backend without a sample here fails."""

import pkgutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lakeshare.storage import backends
from lakeshare.storage.backends import open_store
from lakeshare.storage.base import ObjectMissing, ObjectStore

Sample = Callable[[Path, dict[str, bytes]], str]


def local(directory: Path, objects: dict[str, bytes]) -> str:
    for key, data in objects.items():
        path = directory / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return f"file://{directory.resolve()}"


SAMPLES: dict[str, Sample] = {"local": local}

OBJECTS = {
    "_delta_log/00000000000000000001.json": b"one",
    "_delta_log/00000000000000000000.json": b"zero",
    "_delta_log/_sidecars/s.parquet": b"below",
    "_delta_log_other/x.json": b"elsewhere",
    "region=Lac Léman/part 100%.parquet": b"\x00data",
    "empty": b"",
}


@pytest.fixture(params=[found.name for found in pkgutil.iter_modules(backends.__path__)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return open_store(SAMPLES[request.param](tmp_path / "table", OBJECTS))


@pytest.mark.parametrize("key", OBJECTS)
async def test_reads_the_whole_object(store: ObjectStore, key: str):
    assert await store.read(key) == OBJECTS[key]
    assert [(info.key, info.size) for info in await store.infos([key])] == [(key, len(OBJECTS[key]))]


@pytest.mark.parametrize("key", OBJECTS)
async def test_opens_the_whole_object_as_a_file(store: ObjectStore, key: str):
    with await store.open(key) as file:
        assert file.read() == OBJECTS[key]


@pytest.mark.parametrize("key", ["absent", "_delta_log", "empty/x", "x" * 5000])
async def test_what_is_no_object_is_missing(store: ObjectStore, key: str):
    with pytest.raises(ObjectMissing) as missing:
        await store.read(key)
    assert missing.value.key == key
    with pytest.raises(ObjectMissing):
        await store.open(key)
    assert list(await store.infos([key])) == [None]


async def test_tells_of_several_objects_at_once_in_the_order_of_the_keys(store: ObjectStore):
    present = sorted(OBJECTS, reverse=True)
    infos = await store.infos([present[0], "absent", *present[1:]])
    assert [info and info.key for info in infos] == [present[0], None, *present[1:]]


async def test_lists_the_objects_directly_in_a_directory_in_key_order(store: ObjectStore):
    found = await store.list("_delta_log")
    assert [(info.key, info.size) for info in found] == [
        ("_delta_log/00000000000000000000.json", 4),
        ("_delta_log/00000000000000000001.json", 3),
    ]
    assert all(info.modified_ms > 1_600_000_000_000 for info in found)


async def test_lists_the_root_under_the_empty_prefix(store: ObjectStore):
    assert [info.key for info in await store.list("")] == ["empty"]


@pytest.mark.parametrize("prefix", ["absent", "empty"])
async def test_lists_nothing_where_there_is_no_directory(store: ObjectStore, prefix: str):
    assert list(await store.list(prefix)) == []
