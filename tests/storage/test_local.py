"""What the local disk has and object stores have not: symlinks, FIFOs, directories, permissions."""

import os
import threading
from pathlib import Path

import pytest

from lakeshare.errors import Unavailable
from lakeshare.storage.backends.local import LocalStore, open_below
from lakeshare.storage.base import ObjectMissing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with `inside.txt`, beside which lies `secret.txt`."""
    (tmp_path / "secret.txt").write_text("secret")
    root = tmp_path / "table"
    root.mkdir()
    (root / "inside.txt").write_text("inside")
    return root


def read_below(root: Path, key: str) -> bytes:
    with os.fdopen(open_below(root, key), "rb") as file:
        return file.read()


def test_a_symlink_that_stays_inside_is_followed(root: Path):
    (root / "link").symlink_to("inside.txt")
    assert read_below(root, "link") == b"inside"


def test_a_root_that_is_reached_by_a_symlink_is_a_root(root: Path, tmp_path: Path):
    (tmp_path / "alias").symlink_to(root)
    assert read_below(tmp_path / "alias", "inside.txt") == b"inside"


@pytest.mark.parametrize("key", ["../secret.txt", "x/../../secret.txt", "inside.txt\x00", "", ".", "\ud800"])
def test_a_key_that_leads_nowhere_good_is_missing(root: Path, key: str):
    (root / "x").mkdir()
    with pytest.raises(ObjectMissing):
        open_below(root, key)


def test_an_absolute_key_is_missing(root: Path, tmp_path: Path):
    with pytest.raises(ObjectMissing):
        open_below(root, str(tmp_path / "secret.txt"))


async def test_a_symlink_that_leads_out_is_missing_to_read_and_to_ask(root: Path, tmp_path: Path):
    (root / "file").symlink_to(tmp_path / "secret.txt")
    (root / "directory").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    store = LocalStore(root)
    for key in ("file", "directory/secret.txt", "loop"):
        with pytest.raises(ObjectMissing):
            await store.read(key)
        assert list(await store.infos([key])) == [None]


def test_a_sibling_whose_name_begins_like_the_root_is_outside(root: Path, tmp_path: Path):
    (tmp_path / "table-2").mkdir()
    (tmp_path / "table-2" / "x").write_text("secret")
    with pytest.raises(ObjectMissing):
        open_below(root, "../table-2/x")


def test_a_fifo_neither_opens_nor_hangs(root: Path):
    os.mkfifo(root / "fifo")
    with pytest.raises(ObjectMissing):
        open_below(root, "fifo")


def test_refusals_leak_no_descriptor(root: Path, tmp_path: Path):
    (root / "out").symlink_to(tmp_path / "secret.txt")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(50):
        with pytest.raises(ObjectMissing):
            open_below(root, "out")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_symlink_that_is_swapped_all_the_time_never_gives_the_file_outside(root: Path, tmp_path: Path):
    """One thread swaps a directory between a real one and a link out, as fast as it can."""
    (root / "real").mkdir()
    (root / "real" / "secret.txt").write_text("harmless")
    (root / "there").symlink_to("real")
    done = threading.Event()

    def swap() -> None:
        while not done.is_set():
            for target in (tmp_path, root / "real"):
                (root / "next").symlink_to(target)
                (root / "next").rename(root / "there")

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = {"harmless": 0, "missing": 0}
    try:
        for _ in range(1_000_000):
            try:
                seen[read_below(root, "there/secret.txt").decode()] += 1
            except ObjectMissing:
                seen["missing"] += 1
            if min(seen.values()) > 200:
                break
    finally:
        done.set()
        swapping.join()
    assert min(seen.values()) > 200


async def test_a_log_that_loses_files_while_it_is_listed_still_lists_the_others(root: Path):
    (root / "log").mkdir()
    kept = [f"log/{number:04}.json" for number in range(0, 400, 2)]
    for key in kept:
        (root / key).touch()
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for number in range(1, 400, 2):
                (root / f"log/{number:04}.json").touch()
            for number in range(1, 400, 2):
                (root / f"log/{number:04}.json").unlink()

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        for _ in range(50):
            assert set(kept) <= {info.key for info in await LocalStore(root).list("log")}
    finally:
        done.set()
        churning.join()


async def test_a_disk_that_fails_is_not_a_missing_file(root: Path):
    """/proc/self/mem opens, and its first page cannot be read: the nearest thing to a broken disk."""
    store = LocalStore(Path("/proc/self"))
    with pytest.raises(Unavailable) as refusal:
        await store.read("mem")
    assert "mem" not in str(refusal.value)
