"""Several processes that answer on one socket: started, replaced when they die, and ended together."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess

import structlog

STARTUP_FAILURE = 3
"""How a worker exits that could not begin to serve."""
LOOK_EVERY_SECONDS = 0.2
RESTART_AFTER_SECONDS = 1.0
"""How long after its predecessor's start a worker starts at the earliest: one that dies at once must not spin."""

Work = Callable[[int, socket.socket], None]

log = structlog.get_logger(__name__)


def run_workers(work: Work, count: int, listening: socket.socket, grace_seconds: float) -> int:
    """Call `work(index, listening)` in `count` processes until SIGTERM or SIGINT; gives the exit code.

    A worker that dies is replaced by one of the same index. One that cannot begin at all ends everything. Workers get
    SIGTERM, and `grace_seconds` later SIGKILL. `work` must be picklable: processes are spawned, so that they share
    neither threads nor the state of a random generator. They end, too, when this process dies.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    workers = [_start(work, index, listening) for index in range(count)]
    exit_code = 0
    while not stopping.is_set():
        multiprocessing.connection.wait([worker.process.sentinel for worker in workers], LOOK_EVERY_SECONDS)
        for worker in workers:
            if worker.process.exitcode is None or stopping.is_set():
                continue
            if worker.process.exitcode == STARTUP_FAILURE and not worker.is_replacement:
                log.error("a worker cannot start", worker=worker.index, process_id=worker.process.pid)
                exit_code = STARTUP_FAILURE
                stopping.set()
            elif time.monotonic() - worker.started_at >= RESTART_AFTER_SECONDS:
                workers[worker.index] = _replace(work, worker, listening)
    _end(workers, grace_seconds)
    return exit_code


@dataclass(frozen=True, slots=True)
class _Worker:
    index: int
    process: SpawnProcess
    started_at: float
    is_replacement: bool


def _start(work: Work, index: int, listening: socket.socket, *, is_replacement: bool = False) -> _Worker:
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(work, index, listening))
    process.start()
    return _Worker(index, process, time.monotonic(), is_replacement)


def _replace(work: Work, dead: _Worker, listening: socket.socket) -> _Worker:
    replacement = _start(work, dead.index, listening, is_replacement=True)
    log.error(
        "a worker died and was replaced",
        worker=dead.index,
        process_id=dead.process.pid,
        exit_code=dead.process.exitcode,
        new_process_id=replacement.process.pid,
    )
    return replacement


def _end(workers: list[_Worker], grace_seconds: float) -> None:
    for worker in workers:
        worker.process.terminate()
    deadline = time.monotonic() + grace_seconds
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.exitcode is None:
            log.warning("a worker did not end in time", worker=worker.index, process_id=worker.process.pid)
            worker.process.kill()
            worker.process.join()


def _run(work: Work, index: int, listening: socket.socket) -> None:
    """In the worker: Ctrl-C reaches a whole process group, and is the first process's alone to heed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    work(index, listening)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
