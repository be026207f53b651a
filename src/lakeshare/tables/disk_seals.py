"""The seal at the end of a cached file: what shows that the content is whole, of this name, and this server's own.

The seal is 128 bytes behind the content: its size, its SHA-256, the SHA-256 of its ends, the run of the machine in
which all of it was last known to be right, and an HMAC over these and the name.

A check reads the ends and the seal, not the gigabyte between: that finds files that were truncated, grown, renamed,
copied from another server, or changed at their ends, where formats keep what the rest is read by. What a crash of the
machine can do to the middle (blocks that never reached the disk, of a disk that lies about fsync) is found as well: a
file that was sealed in another run of the machine is read whole, once, and sealed anew for this run. What is not found:
a middle that is changed while the machine runs, by a broken disk or by someone who may write the server's own files.
"""

import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path

END_BYTES = 1 << 16
"""How much of each end every check reads."""

_FIELDS = struct.Struct("<8sQ32s32s16s")
_MAC_BYTES = 32
SEAL_BYTES = _FIELDS.size + _MAC_BYTES
_MAGIC = b"lakesh-1"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """`digest` is the SHA-256 of all `size` bytes, `ends` of the first and last of them; `run` is 16 bytes."""

    size: int
    digest: bytes
    ends: bytes
    run: bytes

    def packed(self, secret: bytes, name: str) -> bytes:
        fields = _FIELDS.pack(_MAGIC, self.size, self.digest, self.ends, self.run)
        return fields + hmac.digest(secret, fields + name.encode(), "sha256")


def this_run() -> bytes:
    """What names this run of the machine, from its start to its end; where the kernel does not tell, this moment."""
    try:
        return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return os.urandom(16)


def seal(descriptor: int, digest: bytes, secret: bytes, name: str, run: bytes) -> Seal:
    """Seal the file, which has its whole content, of that digest, and nothing behind it."""
    size = os.fstat(descriptor).st_size
    made = Seal(size, digest, _ends(descriptor, size), run)
    os.pwrite(descriptor, made.packed(secret, name), size)
    return made


def checked(descriptor: int, secret: bytes, name: str, run: bytes) -> Seal | None:
    """The file's seal, None where the file is not to be believed. May seal it anew: one caller a file at a time."""
    size = os.fstat(descriptor).st_size - SEAL_BYTES
    found = _unpacked(os.pread(descriptor, SEAL_BYTES, size), secret, name) if size >= 0 else None
    if found is None or found.size != size or found.ends != _ends(descriptor, size):
        return None
    if found.run == run:
        return found
    if found.digest != _whole(descriptor, size):
        return None
    renewed = replace(found, run=run)
    os.pwrite(descriptor, renewed.packed(secret, name), size)
    return renewed


def _unpacked(packed: bytes, secret: bytes, name: str) -> Seal | None:
    if len(packed) < SEAL_BYTES:
        return None
    fields, mac = packed[: _FIELDS.size], packed[_FIELDS.size :]
    if not hmac.compare_digest(mac, hmac.digest(secret, fields + name.encode(), "sha256")):
        return None
    magic, size, digest, ends, run = _FIELDS.unpack(fields)
    return Seal(size, digest, ends, run) if magic == _MAGIC else None


def _ends(descriptor: int, size: int) -> bytes:
    head = os.pread(descriptor, min(END_BYTES, size), 0)
    tail_start = max(0, size - END_BYTES)
    return hashlib.sha256(head + os.pread(descriptor, size - tail_start, tail_start)).digest()


def _whole(descriptor: int, size: int) -> bytes:
    hashed = hashlib.sha256()
    for offset in range(0, size, _BLOCK_BYTES):
        hashed.update(os.pread(descriptor, min(_BLOCK_BYTES, size - offset), offset))
    return hashed.digest()
