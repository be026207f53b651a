"""The disk cache, on a real disk, with processes that are killed: a file is whole and genuine, or there is none."""

import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from lakeshare.tables.disk_cache import STEP_BYTES, DiskCache
from lakeshare.tables.disk_seals import END_BYTES, SEAL_BYTES

PROCESS = Path(__file__).with_name("disk_cache_process.py")
SECRET = b"secret"
PLENTY = 1 << 30
BIG = END_BYTES * 3


@pytest.fixture
def directory(tmp_path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def disk(directory) -> DiskCache:
    return DiskCache(directory, PLENTY, SECRET)


def put(disk: DiskCache, name: str, content: bytes):
    return disk.write(name, lambda file: file.write(content))


def content(disk: DiskCache, name: str) -> bytes | None:
    found = disk.open(name)
    return None if found is None else bytes(found.content)


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(PROCESS), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def drafts(directory: Path) -> list[Path]:
    return list(directory.glob("drafts/*"))


def flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("size", [0, 1, END_BYTES, BIG])
def test_what_was_written_is_found_by_the_writer_and_by_others(disk, directory, size):
    text = os.urandom(size)
    written = put(disk, "some/name", text)
    assert bytes(written.content) == text
    found = DiskCache(directory, PLENTY, SECRET).open("some/name")
    assert bytes(found.content) == text
    assert found.digest == written.digest
    assert content(disk, "some/other") is None
    assert drafts(directory) == []


def test_a_file_can_be_opened_again_and_again_while_it_is_mapped(disk):
    mapped = [put(disk, "name", b"text"), disk.open("name"), disk.open("name")]
    assert {bytes(file.content) for file in mapped} == {b"text"}


def test_files_and_directories_are_private_whatever_the_umask_is(directory):
    before = os.umask(0)
    try:
        disk = DiskCache(directory, PLENTY, SECRET)
        put(disk, "a/b", b"text")
        with disk.lock("name"):
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.rglob("*")]}
    finally:
        os.umask(before)
    assert {path for path, mode in modes.items() if mode != (0o700 if path.is_dir() else 0o600)} == set()


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/a", "a//b", "a/", ".hidden", "a b", "ä"])
def test_a_name_that_could_lead_out_of_the_directory_is_refused(disk, name):
    with pytest.raises(ValueError, match="no name"):
        disk.open(name)
    with pytest.raises(ValueError, match="no name"):
        put(disk, name, b"")


DAMAGES = {
    "truncated by a byte": lambda path: os.truncate(path, path.stat().st_size - 1),
    "truncated by the seal": lambda path: os.truncate(path, path.stat().st_size - SEAL_BYTES),
    "truncated to half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "truncated to nothing": lambda path: os.truncate(path, 0),
    "grown by zeroes": lambda path: os.truncate(path, path.stat().st_size + 4096),
    "grown by itself": lambda path: path.write_bytes(path.read_bytes() * 2),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "flipped at the start": lambda path: flip(path, 0),
    "flipped in the head": lambda path: flip(path, END_BYTES - 1),
    "flipped in the tail": lambda path: flip(path, BIG - END_BYTES),
    "flipped at the end": lambda path: flip(path, BIG - 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_removed(disk, directory, damage):
    put(disk, "name", os.urandom(BIG))
    path = directory / "files" / "name"
    DAMAGES[damage](path)
    with capture_logs() as logs:
        assert disk.open("name") is None
    assert not path.exists()
    assert [line["name"] for line in logs] == ["name"]
    put(disk, "name", b"again")
    assert content(disk, "name") == b"again"


def test_a_seal_with_any_byte_changed_is_refused(disk, directory):
    for offset in range(SEAL_BYTES):
        put(disk, "name", b"text")
        flip(directory / "files" / "name", 4 + offset)
        assert disk.open("name") is None


def test_a_file_under_another_name_is_refused(disk, directory):
    put(disk, "one", b"text")
    (directory / "files" / "one").rename(directory / "files" / "two")
    assert disk.open("two") is None
    assert not (directory / "files" / "two").exists()


def test_a_file_of_another_server_is_refused(disk, directory):
    put(DiskCache(directory, PLENTY, b"other"), "name", b"text")
    assert disk.open("name") is None


def test_after_a_restart_of_the_machine_a_file_is_read_whole_once_before_it_is_believed(directory):
    first, second = (DiskCache(directory, PLENTY, SECRET, run=bytes([run]) * 16) for run in (1, 2))
    path = directory / "files" / "name"
    text = os.urandom(BIG)
    put(first, "name", text)
    flip(path, BIG // 2)
    assert second.open("name") is None
    assert not path.exists()

    put(first, "name", text)
    assert content(second, "name") == text
    flip(path, BIG // 2)
    assert second.open("name") is not None  # sealed anew: the middle is not read again while the machine runs


def test_directories_links_and_pipes_in_the_place_of_a_file_are_none(disk, directory, tmp_path):
    put(disk, "name", b"text")
    (directory / "files" / "directory").mkdir()
    (directory / "files" / "link").symlink_to(directory / "files" / "name")
    os.mkfifo(directory / "files" / "pipe")
    assert [disk.open(name) for name in ("directory", "link", "pipe")] == [None] * 3


def test_the_least_recently_used_files_make_room(directory):
    disk = DiskCache(directory, 3 * (1000 + SEAL_BYTES), SECRET)
    for name in ("a", "b", "c"):
        put(disk, name, name.encode() * 1000)
    assert content(disk, "a") == b"a" * 1000
    put(disk, "d", b"d" * 1000)
    assert {name for name in "abcd" if disk.open(name)} == {"a", "c", "d"}
    put(disk, "e", b"e" * 2000)
    assert "e" in {name for name in "acde" if disk.open(name)}
    assert sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()) <= 3 * (1000 + SEAL_BYTES)


def test_a_file_that_is_evicted_stays_with_those_who_have_it(directory):
    disk = DiskCache(directory, 2000, SECRET)
    mapped = put(disk, "a", b"a" * 1500)
    put(disk, "b", b"b" * 1500)
    assert disk.open("a") is None
    assert bytes(mapped.content) == b"a" * 1500


def test_a_file_bigger_than_the_cache_is_not_kept_and_costs_no_other(directory):
    disk = DiskCache(directory, 2000, SECRET)
    put(disk, "small", b"small")
    assert put(disk, "big", bytes(2001)) is None
    assert put(disk, "nearly", bytes(2001 - SEAL_BYTES)) is None
    assert content(disk, "small") == b"small"
    assert put(disk, "fits", bytes(2000 - SEAL_BYTES)) is not None
    assert drafts(directory) == []


def test_a_draft_counts_while_it_is_written(directory):
    disk, other = (DiskCache(directory, 3000, SECRET) for _ in range(2))
    results = []

    def write(file):
        file.write(bytes(1500))
        file.flush()
        results.append(put(other, "other", bytes(2000)))
        assert sum(path.stat().st_size for path in drafts(directory)) <= 3000

    assert disk.write("name", write) is not None
    assert results == [None]
    assert len(content(disk, "name")) == 1500


def test_a_draft_grows_past_the_room_that_it_claimed_first(disk):
    chunk = os.urandom(1 << 20)
    count = (STEP_BYTES >> 20) + 2
    written = disk.write("name", lambda file: [file.write(chunk) for _ in range(count)])
    assert len(written.content) == count << 20
    assert disk.open("name").digest == written.digest


def test_an_error_of_the_writer_is_the_callers_and_leaves_nothing(disk, directory):
    def write(file):
        file.write(b"some")
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        disk.write("name", write)
    assert drafts(directory) == []
    assert disk.open("name") is None


@pytest.mark.parametrize("moment", ["before", "while it writes"])
def test_the_whole_directory_may_be_deleted_while_serving(disk, directory, moment):
    mapped = put(disk, "name", b"text")
    with disk.lock("held"):
        shutil.rmtree(directory)
    assert disk.open("name") is None
    assert bytes(mapped.content) == b"text"
    if moment == "while it writes":
        assert disk.write("name", lambda file: (file.write(b"lost"), shutil.rmtree(directory))) is None
    assert bytes(put(disk, "name", b"again").content) == b"again"
    assert content(disk, "name") == b"again"


@pytest.mark.parametrize("obstacle", ["a file", "a read-only disk"])
def test_a_disk_that_refuses_is_logged_once_and_stops_nothing(tmp_path, obstacle):
    if obstacle == "a file":
        (tmp_path / "cache").write_text("in the way")
        disk = DiskCache(tmp_path / "cache", PLENTY, SECRET)
    else:
        disk = DiskCache(Path("/proc/cache"), PLENTY, SECRET)  # a file system in which nobody, root included, may write
    with capture_logs() as logs:
        for _ in range(3):
            assert put(disk, "name", b"text") is None
            assert disk.open("name") is None
            with disk.lock("name"):
                pass
    assert len(logs) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_refused(directory):
    directory.mkdir(mode=0o500)
    assert put(DiskCache(directory, PLENTY, SECRET), "name", b"text") is None


@pytest.fixture
def small_disk(tmp_path):
    """A file system of a megabyte."""
    place = tmp_path / "small"
    place.mkdir()
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_keeps_nothing_of_the_file_and_all_of_the_others(small_disk):
    disk = DiskCache(small_disk / "cache", PLENTY, SECRET)
    put(disk, "small", b"small")
    for _ in range(3):
        assert disk.write("big", lambda file: [file.write(bytes(10_000)) for _ in range(200)]) is None
    assert drafts(small_disk / "cache") == []
    assert disk.open("big") is None
    assert content(disk, "small") == b"small"
    assert len(put(disk, "half", bytes(500_000)).content) == 500_000


def test_a_file_bigger_than_the_process_may_write_is_not_kept(directory):
    process = start("limited", directory, STEP_BYTES * 3 // 2)
    assert process.communicate(timeout=60)[0].splitlines()[-1] == "None True"
    assert drafts(directory) == []
    assert {path.name for path in (directory / "files").iterdir()} == {"small"}


def test_a_writer_killed_at_any_moment_leaves_whole_files_and_no_draft(directory):
    left = 0
    for moment in range(25):
        with start("write", directory, 2_000_000) as process:
            process.stdout.readline()
            time.sleep(moment * 0.004)
            process.kill()
        left += len(drafts(directory))
        disk = DiskCache(directory, PLENTY, SECRET)
        assert drafts(directory) == []
        with capture_logs() as logs:
            found = [content(disk, f"file-{number}") for number in range(3)]
        assert logs == []
        assert all(file is None or (len(file) == 2_000_000 and len(set(file)) == 1) for file in found)
    assert left > 0


def test_the_draft_of_a_living_process_is_not_taken_away(disk, directory):
    def write(file):
        file.write(b"some")
        DiskCache(directory, PLENTY, SECRET)
        put(disk, "other", b"other")
        file.write(b"thing")

    assert bytes(disk.write("name", write).content) == b"something"


def test_processes_that_write_one_name_at_once_leave_one_of_theirs_and_share_a_lock(directory, tmp_path):
    (tmp_path / "counter").write_text("0")
    process = start("together", directory, 4, 25)
    assert process.communicate(timeout=120)[0] == "[0, 0, 0, 0]\n"
    assert (tmp_path / "counter").read_text() == "100"


def test_a_lock_is_free_when_its_holder_is_killed(disk, directory):
    with start("hold", directory, "name") as process:
        assert process.stdout.readline() == "held\n"
        taken = threading.Event()

        def take():
            with disk.lock("name"):
                taken.set()

        waiter = threading.Thread(target=take)
        waiter.start()
        with disk.lock("another"):
            assert not taken.wait(0.2)
        process.kill()
        waiter.join(timeout=30)
        assert taken.is_set()


def test_threads_hold_a_lock_one_at_a_time_and_leave_no_file_of_it(disk, directory):
    inside, most = [], []

    def work():
        for _ in range(50):
            with disk.lock("any name, äöü"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (300, 1)
    assert list((directory / "locks").iterdir()) == []
