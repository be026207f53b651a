"""What the kernel knows of processes: memory in bytes, time in seconds."""

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def resident(pid: int | str, field: str = "VmRSS") -> int:
    """`VmRSS`, its part `RssAnon`, or `VmHWM`, the most it ever was."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    assert found, field
    return int(found[1]) * 1024


@contextmanager
def watched(pid: int, field: str, *, every: float = 0.02) -> Iterator[list[int]]:
    """Samples of a process's memory, taken until the block ends."""
    samples = [resident(pid, field)]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            samples.append(resident(pid, field))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield samples
    finally:
        ended.set()
        watcher.join()


def private(pid: int) -> int:
    """The memory that would be free if this process ended (USS)."""
    smaps = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kilobytes) for kilobytes in re.findall(r"^Private_\w+:\s+(\d+) kB$", smaps, re.MULTILINE)) * 1024


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def open_files(pid: int) -> list[Path]:
    """What the process has open, by the paths that the kernel tells."""
    paths = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            paths.append(descriptor.readlink())
    return paths


def cpu_seconds(pid: int) -> float:
    """Of the process and its children, user's and system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(child) for child in children(pid))


def wait_until_idle(pid: int, *, seconds: float = 60.0, quiet: float = 0.4) -> float:
    """Wait until the process has done next to nothing for a moment; seconds until it fell quiet."""
    start = quiet_since = time.perf_counter()
    before = cpu_seconds(pid)
    while time.perf_counter() - start < seconds:
        time.sleep(0.05)
        now = cpu_seconds(pid)
        if now - before > 0.05:
            before, quiet_since = now, time.perf_counter()
        elif time.perf_counter() - quiet_since >= quiet:
            return quiet_since - start
    raise RuntimeError(f"process {pid} still works after {seconds:.0f} seconds")
