"""Files that cost time to make, kept on this machine's disk for all workers: whole and genuine, or not at all."""

import fcntl
import hashlib
import io
import mmap
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import structlog

from lakeshare.tables.disk_seals import SEAL_BYTES, checked, seal, this_run

STEP_BYTES = 1 << 26
"""A draft that grows claims so much room at a time, where that costs no other file."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file's content, mapped from its disk: nothing that happens to the file's name or directory changes it.

    `digest` is the content's SHA-256 in hex: what was computed from equal content is equal.
    """

    content: memoryview = field(repr=False)
    digest: str


class DiskCache:
    """Named files in a directory of its own, shared by the processes of a machine, bounded by `max_bytes`.

    The directory may be deleted at any time, and any process killed: what is found is checked (see disk_seals.py), and
    what is written appears whole, after it reached the disk. Where the disk refuses (full, read-only, no permission)
    the cache has nothing and keeps nothing, says so in the log once, and raises nothing. Names are relative paths of
    letters, digits and `._-`. `run` names this run of the machine. Every method blocks: call them in threads.
    """

    def __init__(self, directory: Path, max_bytes: int, secret: bytes, *, run: bytes | None = None) -> None:
        self._directory = directory
        self._files = directory / "files"
        self._drafts = directory / "drafts"
        self._locks = directory / "locks"
        self._max_bytes = max_bytes
        self._secret = secret
        self._run = run or this_run()
        self._has_complained = False
        with suppress(OSError):
            self._live_drafts()

    def open(self, name: str) -> CachedFile | None:
        """The whole, genuine file of that name, marked as used now; None, and removed, where it is none."""
        path = self._path(name)
        try:
            with _descriptor(os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)) as descriptor:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                sealed = checked(descriptor, self._secret, name, self._run)
                if sealed is not None:
                    os.utime(descriptor)
                    return _mapped(descriptor, sealed.size, sealed.digest)
            log.warning("a cached file is damaged or not this server's: it is removed", name=name)
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._complain(error)
        return None

    def write(self, name: str, write: Callable[[BinaryIO], None]) -> CachedFile | None:
        """Have a file written, in place of the one of that name; None where the disk refuses, or `write` itself does
        by an OSError, or the file alone is bigger than the cache.

        `write` gets a file that it can only append to. The least recently used files make room.
        """
        path = self._path(name)
        try:
            with self._draft() as draft:
                draft.take(write)
                written = self._published(draft, name, path)
        except OSError as error:
            self._complain(error)
            return None
        self._has_complained = False
        return written

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Held by one thread of one process at a time; the kernel frees it when the process dies.

        Any text may be a name. Where the disk refuses, nobody waits: a cache must not stop a read.
        """
        path = self._locks / hashlib.sha256(name.encode()).hexdigest()[:32]
        try:
            descriptor = self._locked(path)
        except OSError as error:
            self._complain(error)
            yield
            return
        try:
            yield
        finally:
            with suppress(OSError):
                if _is_at(descriptor, path):
                    path.unlink()
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a cached file")
        return self._files / name

    def _complain(self, error: OSError) -> None:
        if not self._has_complained:
            self._has_complained = True
            log.warning("the disk cache cannot be used", directory=str(self._directory), error=str(error))

    @contextmanager
    def _draft(self) -> Iterator["_Draft"]:
        """A draft that nobody takes for a dead process's: its lock lives as long as its descriptor."""
        self._make(self._drafts)
        while True:
            path = self._drafts / secrets.token_hex(8)
            with _descriptor(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)) as descriptor:
                if not _try_lock(descriptor) or not _is_at(descriptor, path):
                    continue  # someone cleaned up between the last two lines
                try:
                    yield _Draft(descriptor, path, self._claim)
                    return
                finally:
                    path.unlink(missing_ok=True)

    def _published(self, draft: "_Draft", name: str, path: Path) -> CachedFile:
        """The draft's content, under its name once all of it is on the disk."""
        os.ftruncate(draft.descriptor, draft.size)
        made = seal(draft.descriptor, draft.hashed.digest(), self._secret, name, self._run)
        os.fsync(draft.descriptor)
        self._make(path.parent)
        draft.path.rename(path)
        return _mapped(draft.descriptor, made.size, made.digest)

    def _claim(self, draft: "_Draft", needed: int) -> int:
        """Room for a draft to grow to `needed` bytes at least. Raises OSError where it can never have it."""
        with self.lock("room"):
            kept = self._kept()
            others = sum(size for _, size, _ in kept) + self._live_drafts(but=draft.path)
            if needed > self._max_bytes:
                raise OSError(f"a file of {needed} bytes and more does not fit into {self._max_bytes}")
            for _, size, path in sorted(kept):
                if others + needed <= self._max_bytes:
                    break
                path.unlink(missing_ok=True)
                others -= size
            if others + needed > self._max_bytes:
                raise OSError(f"what is being written now leaves no room for {needed} bytes")
            claimed = min(needed + STEP_BYTES, self._max_bytes - others)
            os.ftruncate(draft.descriptor, claimed)
            return claimed

    def _kept(self) -> list[tuple[int, int, Path]]:
        """When each file was used last (nanoseconds), its bytes, and where it is."""
        kept = []
        for directory, _, names in os.walk(self._files):
            for name in names:
                with suppress(FileNotFoundError):
                    path = Path(directory, name)
                    stat = path.lstat()
                    kept.append((stat.st_mtime_ns, stat.st_size, path))
        return kept

    def _live_drafts(self, but: Path | None = None) -> int:
        """The bytes of the drafts that are being written. Those that a dead process left are removed."""
        size = 0
        for path in self._drafts.iterdir() if self._drafts.is_dir() else ():
            if path == but:
                continue
            with suppress(FileNotFoundError), _descriptor(os.open(path, os.O_RDWR | os.O_CLOEXEC)) as descriptor:
                if _try_lock(descriptor):
                    path.unlink()
                else:
                    size += os.fstat(descriptor).st_size
        return size

    def _locked(self, path: Path) -> int:
        """A descriptor that holds the lock which is at that path now: its last holder may have removed it."""
        while True:
            self._make(self._locks)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if _is_at(descriptor, path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _make(self, directory: Path) -> None:
        """The directory and those above it, down from the cache's own; private, whatever the process's umask."""
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        inside = directory.relative_to(self._directory).parts
        for depth in range(len(inside) + 1):
            self._directory.joinpath(*inside[:depth]).mkdir(mode=0o700, exist_ok=True)


class _Draft(io.RawIOBase):
    """A file that is being written: counts, hashes, and claims room before it takes it."""

    def __init__(self, descriptor: int, path: Path, claim: Callable[["_Draft", int], int]) -> None:
        self.descriptor = descriptor
        self.path = path
        self.size = 0
        self.hashed = hashlib.sha256()
        self._claim = claim
        self._claimed = 0
        self._refusal: OSError | None = None

    def take(self, write: Callable[[BinaryIO], None]) -> None:
        """Raises the OSError that the disk refused with, whatever became of it on its way through `write`."""
        file = io.BufferedWriter(self, 1 << 16)
        try:
            write(cast("BinaryIO", file))
            file.flush()
            self.write(b"")  # the seal of an empty file takes room too
        finally:
            if self._refusal:
                raise self._refusal

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        size = len(data)
        if self._refusal is None:
            try:
                self._append(memoryview(data))
            except OSError as error:
                self._refusal = error
                raise
        # A buffer that is thrown away after a refusal is written once more, and must not raise again.
        return size

    def _append(self, data: memoryview) -> None:
        needed = self.size + len(data) + SEAL_BYTES
        if needed > self._claimed:
            self._claimed = self._claim(self, needed)
        self.hashed.update(data)
        while data:
            count = os.pwrite(self.descriptor, data, self.size)
            self.size += count
            data = data[count:]


_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


@contextmanager
def _descriptor(opened: int) -> Iterator[int]:
    try:
        yield opened
    finally:
        os.close(opened)


def _mapped(descriptor: int, size: int, digest: bytes) -> CachedFile:
    # A mapping has a descriptor of its own, which would keep the lock for as long as the mapping lives.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    mapped = mmap.mmap(descriptor, size + SEAL_BYTES, prot=mmap.PROT_READ)
    return CachedFile(memoryview(mapped)[:size], digest.hex())


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one at that path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
