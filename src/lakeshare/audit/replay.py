"""Copies spooled events into the database: each once, whatever stops it half-way."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
import structlog
from sqlalchemy import Connection, Engine, delete, select, text
from sqlalchemy.exc import SQLAlchemyError

from lakeshare.audit.database import audit_spool
from lakeshare.audit.events import AuditEvent
from lakeshare.errors import Unavailable

BATCH_LINES = 1000
ROWS_AT_ONCE = 100
"""Rows of one INSERT. The driver gives up the interpreter's lock once a statement, and a server's requests need it."""

IDENTITY_BYTES = 64  # less than any event takes, more than its id needs

_ROTATED = re.compile(r"(?P<name>.+)-\d{8}T\d{12}Z")
_Row = tuple[str, int, str, str, int, str]
_INT64 = range(-(2**63), 2**63)
_INT32 = range(-(2**31), 2**31)
_COLUMNS = ("event_id", "event_time", "action_name", "user_email", "status_code", "event")
_REMEMBER = text(
    "INSERT INTO audit_spool (file, position) VALUES (:file, :position) "
    "ON CONFLICT (file) DO UPDATE SET position = excluded.position"
)

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(AuditEvent)


def replay(engine: Engine, directory: Path) -> int:
    """Copy what the spool files of this directory hold beyond the last replay; the number of events that were new.

    Events are told apart by their id, so one that is read twice is kept once. A half-written last line waits for its
    end. A line that is no event is copied to `{name}.rejected` and logged. Rotated files that are wholly copied are
    deleted. Gives 0 at once while another process replays this directory. Raises Unavailable where the database or
    the directory does not work; what was copied until then stays.
    """
    if not directory.is_dir():
        return 0
    try:
        with _sole_replayer(directory) as alone:
            return sum(_replay_path(engine, path) for path in _spool_files(directory)) if alone else 0
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(
            "Audit events cannot be copied into the database; they stay in the spool.",
            hint="Try again later.",
            detail=f"{directory}: {error}",
        ) from error


@dataclass(frozen=True, slots=True)
class _Batch:
    rows: list[_Row]
    rejected: list[bytes]
    size: int
    """Bytes of the lines, the blank ones included."""


def _replay_path(engine: Engine, path: Path) -> int:
    try:
        file = path.open("rb")
    except FileNotFoundError:  # its writer has just renamed it: next time
        return 0
    with file:
        return _replay_file(engine, path, file)


def _replay_file(engine: Engine, path: Path, file: BinaryIO) -> int:
    identity = _identity(file)
    if identity is None:
        return 0
    position = _position(engine, identity)
    file.seek(position)
    copied = 0
    for batch in _batches(file):
        if batch.rejected:
            _reject(path, position, batch.rejected)
        position += batch.size
        with engine.begin() as connection:
            copied += _insert(connection, batch.rows)
            connection.execute(_REMEMBER, {"file": identity, "position": position})
    if _is_rotated(path):
        _delete_if_copied(engine, path, file, identity, position)
    return copied


def _identity(file: BinaryIO) -> str | None:
    """What tells this file from others, whatever it is called: its inode and its first bytes; None while it has few."""
    head = file.read(IDENTITY_BYTES)
    if len(head) < IDENTITY_BYTES:
        return None
    return f"{os.fstat(file.fileno()).st_ino}-{hashlib.sha256(head).hexdigest()[:16]}"


def _position(engine: Engine, identity: str) -> int:
    with engine.connect() as connection:
        found = connection.execute(select(audit_spool.c.position).where(audit_spool.c.file == identity)).scalar()
    return found or 0


def _batches(file: BinaryIO) -> Iterator[_Batch]:
    """The complete lines from here on."""
    while lines := list(islice(file, BATCH_LINES)):
        whole = lines if lines[-1].endswith(b"\n") else lines[:-1]
        if whole:
            yield _batch(whole)
        if len(whole) < len(lines):
            return


def _batch(lines: list[bytes]) -> _Batch:
    rows = []
    rejected = []
    for line in lines:
        if line == b"\n":
            continue
        row = _row(line)
        if row is None:
            rejected.append(line)
        else:
            rows.append(row)
    return _Batch(rows, rejected, sum(map(len, lines)))


def _row(line: bytes) -> _Row | None:
    """The `_COLUMNS` of the event on this line; None where it is no event that the database can hold."""
    try:
        event = _decoder.decode(line)
        json = line[:-1].decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if event.event_time not in _INT64 or event.response.status_code not in _INT32:
        return None
    return (
        _without_nul(event.event_id),
        event.event_time,
        _without_nul(event.action_name),
        _without_nul(event.user_identity.email),
        event.response.status_code,
        json,
    )


def _without_nul(value: str) -> str:
    """PostgreSQL's text holds no NUL; the event's own JSON keeps it, escaped."""
    return value.replace("\0", "\\u0000")


def _insert(connection: Connection, rows: list[_Row]) -> int:
    """The number of rows that were new."""
    new = 0
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        values = tuple(value for row in some for value in row)
        new += max(0, connection.exec_driver_sql(_insert_statement(connection, len(some)), values).rowcount)
    return new


def _insert_statement(connection: Connection, rows: int) -> str:
    marker = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    row = f"({', '.join([marker] * len(_COLUMNS))})"
    return (
        f"INSERT INTO audit_events ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * rows)} "  # noqa: S608  no value in it
        "ON CONFLICT (event_id) DO NOTHING"
    )


def _reject(path: Path, position: int, lines: list[bytes]) -> None:
    """Keep lines that are no events where an operator finds them."""
    rotated = _ROTATED.fullmatch(path.stem)
    target = path.with_name(f"{rotated['name'] if rotated else path.stem}.rejected")
    target.touch(mode=0o600)
    with target.open("ab") as file:
        file.writelines(lines)
    _log.warning("audit lines rejected", spool=str(path), after_byte=position, lines=len(lines), kept_in=str(target))


def _is_rotated(path: Path) -> bool:
    return _ROTATED.fullmatch(path.stem) is not None


def _delete_if_copied(engine: Engine, path: Path, file: BinaryIO, identity: str, position: int) -> None:
    """Delete a rotated file, unless some process still has it open for writing or has added to it meanwhile."""
    if not _try_lock(file.fileno()):
        return
    file.seek(position)
    if half_line := file.read():
        if b"\n" in half_line:
            return
        _reject(path, position, [half_line + b"\n"])
    path.unlink()
    with engine.begin() as connection:
        connection.execute(delete(audit_spool).where(audit_spool.c.file == identity))


def _spool_files(directory: Path) -> list[Path]:
    """Rotated files come before the one that goes on: they are older."""
    return sorted(directory.glob("*.jsonl"), key=lambda path: (not _is_rotated(path), path.name))


@contextmanager
def _sole_replayer(directory: Path) -> Iterator[bool]:
    descriptor = os.open(directory / ".replay.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
