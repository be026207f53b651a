"""Memory: under a client that reads slowly, and with more tables than fit."""

import time
from collections.abc import Iterator

from case import HUGE, MB, Bench
from figures import Figure
from processes import cpu_seconds, resident, wait_until_idle, watched
from servers import lakeshare_server

TABLES, FILES, BUDGET = 200, 5_000, 1_000_000_000
OWN_MEMORY = 500 * MB  # what a server takes beside its budget: Python, Polars, answers under way
SLOW_SECONDS, SLOW_BYTES_PER_SECOND = 8.0, 2_000_000


def slow_client(bench: Bench) -> Iterator[Figure]:
    table = bench.table(HUGE)
    with lakeshare_server(bench.lake.home) as server:
        bench.tell("warming the server up")
        bench.warm(server, table)
        bench.tell("reading slowly")
        bench.client.begin(
            "slow_stream", url=server.query_url(table), token=bench.token,
            seconds=SLOW_SECONDS, bytes_per_second=SLOW_BYTES_PER_SECOND,
        )  # fmt: skip
        time.sleep(SLOW_SECONDS / 4)
        with watched(server.pid, "VmRSS", every=0.1) as samples:
            time.sleep(SLOW_SECONDS / 2)
        bench.client.end()
        left_at = cpu_seconds(server.pid)
        stopped = wait_until_idle(server.pid)
        worked = cpu_seconds(server.pid) - left_at
    yield Figure(
        "a slow client of 1M files: growth of memory while it reads",
        "MB",
        ((max(samples) - samples[0]) / MB,),
        at_most=64,
    )
    yield Figure("... seconds that the server goes on working when it leaves", "s", (stopped,), at_most=1)
    yield Figure("... CPU seconds that it takes for that", "s", (worked,))


def many_tables(bench: Bench) -> Iterator[Figure]:
    bench.tell(f"writing {TABLES} tables of {FILES:,} files")
    tables = bench.lake.small_tables(TABLES, FILES)
    failures, first_touches, later_touches = [], [], []
    with (
        lakeshare_server(bench.lake.home, LAKESHARE_MEMORY_BYTES=str(BUDGET)) as server,
        watched(server.pid, "RssAnon") as samples,
    ):
        for turn, touches in enumerate((first_touches, later_touches)):
            bench.tell(f"reading {TABLES} tables, round {turn + 1}")
            for table in tables:
                try:
                    touches.append(bench.query(server, table)["seconds"] * 1000)
                except RuntimeError as error:
                    failures.append(str(error))
        everything = resident(server.pid, "VmHWM") / MB
    name = f"{TABLES} tables of {FILES:,} files, budget 1 GB"
    yield Figure(f"{name}: memory of its own", "MB", (max(samples) / MB,), at_most=(BUDGET + OWN_MEMORY) / MB)
    yield Figure("... mapped files included, which the kernel takes back when it wants", "MB", (everything,))
    yield Figure("... queries that failed", "", (len(failures),), at_most=0, note=failures[0] if failures else "")
    yield Figure("... query of a table never read before", "ms", tuple(first_touches))
    yield Figure("... query of a table whose turn comes again", "ms", tuple(later_touches))
