"""Files on the server's own disk."""

import asyncio
import errno
import fcntl
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from lakeshare.errors import Unavailable
from lakeshare.storage.base import ObjectInfo, ObjectMissing
from lakeshare.storage.locations import local_path

SCHEMES = ("file",)


def open_backend(root: str) -> "LocalStore":
    return LocalStore(local_path(root))


class LocalStore:
    """Reads below a directory. A key that leads out of it, by a symlink too, is missing."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, key: str) -> bytes:
        return await asyncio.to_thread(self._read, key)

    async def open(self, key: str) -> BinaryIO:
        return await asyncio.to_thread(self._open, key)

    async def list(self, prefix: str, after: str = "") -> Sequence[ObjectInfo]:
        return await asyncio.to_thread(self._list, prefix, after)

    async def infos(self, keys: Sequence[str]) -> Sequence[ObjectInfo | None]:
        # In a thread, though it is quick: a disk that hangs must not stop the server.
        return await asyncio.to_thread(lambda: [self._info(key) for key in keys])

    def _info(self, key: str) -> ObjectInfo | None:
        try:
            descriptor = open_below(self._root, key)
        except ObjectMissing:
            return None
        except OSError as error:
            raise _unavailable(key, error) from error
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return ObjectInfo(key, status.st_size, status.st_mtime_ns // 1_000_000)

    def _read(self, key: str) -> bytes:
        try:
            with self._open(key) as file:
                return file.read()
        except OSError as error:
            raise _unavailable(key, error) from error

    def _open(self, key: str) -> BinaryIO:
        try:
            return os.fdopen(open_below(self._root, key), "rb")
        except OSError as error:
            raise _unavailable(key, error) from error

    def _list(self, prefix: str, after: str) -> Sequence[ObjectInfo]:
        try:
            with os.scandir(self._root / prefix) as entries:
                found = [info for entry in entries if (info := _listed(prefix, entry, after))]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _unavailable(prefix, error) from error
        return sorted(found, key=lambda info: info.key)


def open_below(root: Path, key: str) -> int:
    """Open a file for reading and give its descriptor, if what was opened really lies below `root`.

    The check is made on the open descriptor, so that a symlink swapped in between does not help.
    Raises ObjectMissing where it is absent, no regular file, or elsewhere; OSError where the disk fails.
    """
    try:
        # O_NONBLOCK: a FIFO must not hang the server.
        descriptor = os.open(f"{root}/{key}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ObjectMissing(key) from error
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO):
            raise ObjectMissing(key) from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lies_below(descriptor, root):
        return descriptor
    os.close(descriptor)
    raise ObjectMissing(key)


def path_of(descriptor: int) -> Path:
    """The real path of an open file."""
    return Path(_real_path(descriptor))


def _lies_below(descriptor: int, root: Path) -> bool:
    path = _real_path(descriptor)
    if path.startswith(_directory(root)):
        return True  # no part of a real path is a symlink, nor then of this root: resolving it would look at each part
    return path.startswith(_directory(root.resolve()))


def _directory(path: Path) -> str:
    return str(path).rstrip("/") + "/"


def _real_path(descriptor: int) -> str:
    if sys.platform == "darwin":
        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\x00"))
    return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  asked for every request, and a Path costs more


def _listed(prefix: str, entry: os.DirEntry[str], after: str) -> ObjectInfo | None:
    """None for what is not wanted, is no file, or is gone since the directory was read (a log being cleaned up)."""
    key = f"{prefix}/{entry.name}" if prefix else entry.name
    try:
        if key <= after or not entry.is_file():
            return None
        status = entry.stat()
    except FileNotFoundError:
        return None
    return ObjectInfo(key, status.st_size, status.st_mtime_ns // 1_000_000)


def _unavailable(key: str, error: OSError) -> Unavailable:
    return Unavailable("The table's storage does not answer.", detail=f"{key}: {error}")
