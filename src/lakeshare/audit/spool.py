"""The spool: an append-only file of audit events, one JSON line each, that outlives the process.

One file a writer, `{directory}/{name}.jsonl`. Past `ROTATE_BYTES` it is renamed to `{name}-{UTC time}.jsonl` and a new
one begun. A writer holds a shared lock on the file it has open, so that nobody deletes a file that may still grow.
"""

import fcntl
import os
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lakeshare.audit.events import AuditEvent
from lakeshare.errors import Unavailable

ROTATE_BYTES = 64 * 1024 * 1024


class AuditSpool:
    """An AuditLog over one spool file; safe to share between threads.

    "On disk" means that write() returned, which survives a crash of the process. With `fsync` it means that fsync()
    returned, which survives a crash of the machine; threads that wait at the same time share one fsync.
    """

    def __init__(self, directory: Path, name: str, fsync: bool = False) -> None:
        """Makes the directory (mode 0700) where it is missing. Raises Unavailable where the file cannot be opened."""
        self._directory = directory
        self._path = directory / f"{name}.jsonl"
        self._fsync = fsync
        self._write_lock = threading.Lock()
        self._sync_lock = threading.Lock()  # taken after the write lock, or alone
        self._descriptor: int | None = None
        self._size = 0  # bytes; what the file holds if we are its only writer
        self._fresh_line = True  # whether the next byte begins a line
        self._written = self._synced = self._lost = 0  # counts of events: written, synced, and refused by fsync
        self._closed = False
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()
        except OSError as error:
            raise _unavailable(self._path, error) from error

    def record(self, event: AuditEvent) -> None:
        """Append one event. Raises Unavailable where it cannot be written; the next event starts on a fresh line."""
        line = _encode(event)
        try:
            with self._write_lock:
                self._append(line)
                self._written += 1
                ticket = self._written
            if self._fsync:
                self._sync(ticket)
        except OSError as error:
            raise _unavailable(self._path, error) from error

    def close(self) -> None:
        """Close the file. Later events are refused."""
        with self._write_lock:
            self._closed = True
            self._close_descriptor()

    def _append(self, line: bytes) -> None:
        descriptor = self._current_descriptor()
        data = line if self._fresh_line else b"\n" + line
        written = os.write(descriptor, data)
        self._size += written
        if written < len(data):
            self._fresh_line = False
            raise OSError(f"only {written} of {len(data)} bytes were written")
        self._fresh_line = True

    def _current_descriptor(self) -> int:
        """The open file, after a look at what became of it: deleted, grown by another process, too large."""
        if self._closed:
            raise OSError("the spool is closed")
        if self._descriptor is None:
            return self._open()
        status = os.fstat(self._descriptor)
        if status.st_nlink == 0:
            self._close_descriptor()
            return self._open()
        if status.st_size >= ROTATE_BYTES:
            return self._rotate(status)
        if status.st_size != self._size:
            self._size = status.st_size
            self._fresh_line = _ends_a_line(self._descriptor, status.st_size)
        return self._descriptor

    def _open(self) -> int:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            status = os.fstat(descriptor)
            self._size = status.st_size
            self._fresh_line = _ends_a_line(descriptor, status.st_size)
            if self._fsync:
                _sync_directory(self._directory)
        except OSError:
            os.close(descriptor)
            raise
        if status.st_nlink == 0:  # rotated, copied and deleted before the lock was ours
            os.close(descriptor)
            return self._open()
        self._descriptor = descriptor
        return descriptor

    def _rotate(self, status: os.stat_result) -> int:
        """Give the full file its final name, unless another process of the same spool has, and begin a new one."""
        with suppress(FileNotFoundError):
            if os.path.samestat(self._path.stat(), status):
                rotated = f"{self._path.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.jsonl"
                self._path.rename(self._directory / rotated)
        self._close_descriptor()
        return self._open()

    def _close_descriptor(self) -> None:
        if self._descriptor is None:
            return
        with self._sync_lock:
            descriptor, self._descriptor = self._descriptor, None
            try:
                if self._fsync:
                    self._sync_all(descriptor)
            finally:
                os.close(descriptor)

    def _sync(self, ticket: int) -> None:
        """Return when the event with this number is synced, by this thread or by one that went before it."""
        with self._sync_lock:
            if ticket <= self._lost:
                raise OSError("fsync failed")
            if ticket > self._synced:
                if self._descriptor is None:
                    raise OSError("the spool is closed")
                self._sync_all(self._descriptor)

    def _sync_all(self, descriptor: int) -> None:
        target = self._written
        try:
            os.fsync(descriptor)
        except OSError:
            self._lost = target  # the kernel may forget the pages: a second fsync that succeeds would prove nothing
            raise
        self._synced = target


def _encode(event: AuditEvent) -> bytes:
    try:
        return msgspec.json.encode(event) + b"\n"
    except UnicodeEncodeError:
        visible = _escape_surrogates(msgspec.to_builtins(event))
        return msgspec.json.encode(visible) + b"\n"


def _escape_surrogates(value: Any) -> Any:
    """Lone surrogates, which no JSON can carry, as the six characters of their escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_escape_surrogates(key): _escape_surrogates(item) for key, item in value.items()}
    return value


def _ends_a_line(descriptor: int, size: int) -> bool:
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unavailable(path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        "The audit log cannot be written, and what is not audited is not done.",
        hint="Try again later.",
        detail=f"audit spool {path}: {error}",
    )
