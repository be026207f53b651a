"""What a second worker adds to the first one's memory."""

import inspect
from collections.abc import Iterator

from case import HUGE, MB, Bench
from figures import Figure, not_built
from lakeshare.cli.serving import serve
from processes import children, cpu_seconds, private, wait_until_idle
from servers import Server, lakeshare_server


def workers(bench: Bench) -> Iterator[Figure]:
    name = "two workers, a table of 1M files: private memory of the second for each byte of the first"
    if "workers" not in inspect.signature(serve).parameters:
        yield not_built(name, "there is no `lakeshare serve --workers` yet")
        return
    table = bench.table(HUGE)
    bench.lake.forget_cache()
    with lakeshare_server(bench.lake.home, "--workers", "2") as server:
        bench.tell("opening it cold in one worker, then in both")
        idle = [private(worker) / MB for worker in _workers(server)]
        _ask_until_all_have_worked(bench, server, table)
        used = sorted((private(worker) / MB for worker in _workers(server)), reverse=True)
    yield Figure("two workers: private memory before the first query, each", "MB", tuple(idle))
    yield Figure("... of the worker that opened a table of 1M files", "MB", (used[0],))
    yield Figure("... of the other one", "MB", (used[1],))
    yield Figure(name, "x", (used[1] / used[0],), at_most=0.25)


def _ask_until_all_have_worked(bench: Bench, server: Server, table: str) -> None:
    """The kernel chooses the worker that takes a connection."""
    begun = {worker: cpu_seconds(worker) for worker in _workers(server)}
    for _ in range(60):
        bench.query(server, table)
        wait_until_idle(server.pid)
        if all(cpu_seconds(worker) - before > 0.5 for worker, before in begun.items()):
            return
    raise RuntimeError("one of two workers was never asked")


def _workers(server: Server) -> list[int]:
    """The two children that weigh most: a helper of Python's may live beside them."""
    return sorted(sorted(children(server.pid), key=private)[-2:])
