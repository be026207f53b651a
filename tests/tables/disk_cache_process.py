"""Another process at a disk cache.

disk_cache_process.py write DIRECTORY BYTES   writes files of so many bytes, one after the other, until it is killed
disk_cache_process.py hold DIRECTORY NAME     takes a lock, says `held`, and hangs
disk_cache_process.py together DIRECTORY PROCESSES ROUNDS   all write one name, and count under one lock, at once
disk_cache_process.py limited DIRECTORY BYTES   may write files of so many bytes only; says what a bigger one gives
"""

import multiprocessing
import resource
import signal
import sys
import threading
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from lakeshare.tables.disk_cache import DiskCache

SECRET = b"secret"
CHUNK = 4096


def main(action: str, directory: str, *arguments: str) -> None:
    disk = DiskCache(Path(directory), 1 << 30, SECRET)
    if action == "write":
        print("ready", flush=True)
        number = 0
        while True:
            number += 1
            write(disk, f"file-{number % 3}", number % 256, int(arguments[0]))
    elif action == "hold":
        with disk.lock(arguments[0]):
            print("held", flush=True)
            threading.Event().wait()
    elif action == "together":
        processes, rounds = map(int, arguments)
        barrier = multiprocessing.get_context("fork").Barrier(processes)
        workers = [
            multiprocessing.get_context("fork").Process(target=race, args=(Path(directory), barrier, rounds, number))
            for number in range(processes)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print([worker.exitcode for worker in workers], flush=True)
    elif action == "limited":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(arguments[0]), int(arguments[0])))
        print(write(disk, "big", 1, int(arguments[0]) * 2), write(disk, "small", 1, 10) is not None, flush=True)


def write(disk: DiskCache, name: str, byte: int, size: int):
    def chunks(file):
        for start in range(0, size, CHUNK):
            file.write(bytes([byte]) * min(CHUNK, size - start))

    return disk.write(name, chunks)


def race(directory: Path, barrier: Barrier, rounds: int, number: int) -> None:
    """In every round all write one name; whoever opens it finds one writer's bytes. A counter is kept under a lock."""
    disk = DiskCache(directory, 1 << 30, SECRET)
    counter = directory.parent / "counter"
    for _ in range(rounds):
        barrier.wait()
        assert write(disk, "shared", number, 50_000) is not None
        content = bytes(disk.open("shared").content)
        assert len(content) == 50_000
        assert len(set(content)) == 1
        with disk.lock("counter"):
            count = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(count + 1))


if __name__ == "__main__":
    main(*sys.argv[1:])
