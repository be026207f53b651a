"""What a second worker adds to the first one's memory."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

from case import HUGE, MB, Bench
from figures import Figure
from processes import children, open_files, private, wait_until_idle
from sample_log import partition_hint
from servers import Server, lakeshare_server

WORKERS = 2


def workers(bench: Bench) -> Iterator[Figure]:
    table = bench.table(HUGE)
    bench.lake.forget_cache()
    with lakeshare_server(bench.lake.home, "--workers", str(WORKERS)) as server:
        spools = _spools(server)
        wait_until_idle(server.pid)
        idle = [private(worker) / MB for worker in spools]
        written = {worker: spool.stat().st_size for worker, spool in spools.items()}

        def asked() -> list[int]:
            return [worker for worker, spool in spools.items() if spool.stat().st_size > written[worker]]

        bench.tell("opening it cold in one worker")
        bench.query(server, table)
        wait_until_idle(server.pid)
        [first] = asked()
        bench.tell("asking until the other one has answered too")
        for day in range(100):
            body = json.dumps({"predicateHints": [partition_hint(day)]})
            bench.client.call("streams", url=server.query_url(table), token=bench.token, number=4, body=body)
            if len(asked()) == WORKERS:
                break
        wait_until_idle(server.pid)
        [second] = [worker for worker in asked() if worker != first]
        of_first, of_second = private(first) / MB, private(second) / MB
    yield Figure("private memory (USS) of a worker before the first query", "MB", tuple(idle))
    yield Figure("... of the first, which opened the table of 1M files", "MB", (of_first,))
    yield Figure("... of the second", "MB", (of_second,))
    name = "... private memory of the second for each byte of the first"
    yield Figure(name, "x", (of_second / of_first,), at_most=0.25)


def _spools(server: Server) -> dict[int, Path]:
    """The workers, each with the audit spool that it alone writes, once all are there."""
    for _ in range(600):
        found = {
            child: path
            for child in children(server.pid)
            for path in open_files(child)
            if path.suffix == ".jsonl" and path.stem.startswith("worker-")
        }
        if len(found) == WORKERS:
            return found
        time.sleep(0.05)
    raise RuntimeError(f"not all of {WORKERS} workers came up")
