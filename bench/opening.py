"""Opening a table of a million files, and taking one commit more in: beside deltalake in the same run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from case import HUGE, MB, Bench
from figures import Figure, repeated
from processes import resident, wait_until_idle, watched
from servers import lakeshare_server

LEAST_SPEED_UP, LEAST_REFRESH_SPEED_UP = 4, 50
COMMITS = 5


def opening(bench: Bench) -> Iterator[Figure]:
    table = bench.table(HUGE)
    peaks: list[float] = []

    def cold() -> float:
        bench.lake.forget_cache()
        with lakeshare_server(bench.lake.home) as server:
            first = bench.first_byte(server, table)
            peaks.append(resident(server.pid, "VmHWM") / MB)
            return first / 1000

    bench.tell("opening it cold")
    ours = repeated(cold, seconds=30)
    bench.lake.forget_cache()
    with lakeshare_server(bench.lake.home) as server, watched(server.pid, "RssAnon") as own:
        lines = bench.query(server, table, count=True)["lines"]
        wait_until_idle(server.pid)
    assert lines == bench.lake.active_files(HUGE) + 2, lines
    bench.tell("opening it with deltalake")
    theirs = []
    for _ in range(3):
        with _deltalake(bench) as (opened, _):
            theirs.append(opened)
    assert all(opened["files"] == bench.lake.active_files(HUGE) for opened in theirs), theirs
    seconds = Figure("deltalake: DeltaTable and get_add_actions", "s", tuple(opened["seconds"] for opened in theirs))
    opened = Figure("cold open of 1M files, to the first byte of a query", "s", ours)
    yield opened
    yield seconds
    yield Figure("... times faster than deltalake", "x", (seconds.value / opened.value,), at_least=LEAST_SPEED_UP)
    yield Figure("... peak memory, with the work behind the answer", "MB", tuple(peaks), at_most=2_000)
    yield Figure("... peak of its own memory, with the whole answer", "MB", (max(own) / MB,))
    yield Figure("deltalake: peak memory", "MB", tuple(opened["peak"] / MB for opened in theirs))


def commits(bench: Bench) -> Iterator[Figure]:
    table = bench.table(HUGE)
    with lakeshare_server(bench.lake.home) as server:
        bench.tell("warming the server up")
        bench.warm(server, table)

        def visible() -> float:
            draft, commit, added = bench.lake.draft_commit(HUGE)
            body = json.dumps({"predicateHints": _hints_of(draft, added)})
            seen = bench.client.call(
                "commit_visible", draft=str(draft), commit=str(commit), body=body, awaited=added,
                url=server.query_url(table), token=bench.token,
            )  # fmt: skip
            return float(seen["seconds"]) * 1000

        bench.tell("committing")
        visible()  # the first one meets caches that no later commit finds empty
        ours = Figure("one new commit, until a query tells its file", "ms", repeated(visible), at_most=100)
    bench.tell("committing under deltalake")
    with _deltalake(bench) as (_, update):
        theirs = Figure("deltalake: update_incremental", "ms", repeated(update, runs=3))
    yield ours
    yield theirs
    yield Figure("... times faster than deltalake", "x", (theirs.value / ours.value,), at_least=LEAST_REFRESH_SPEED_UP)


def _hints_of(commit: Path, added: str) -> list[str]:
    """The hints that leave the partition of the file that the commit adds."""
    adds = (json.loads(line).get("add") for line in commit.read_text().splitlines())
    values = next(add["partitionValues"] for add in adds if add and added in add["path"])
    return [f"{name} = '{value}'" for name, value in values.items()]


@contextmanager
def _deltalake(bench: Bench) -> Iterator[tuple[dict[str, float], object]]:
    """deltalake in a process of its own: what opening took, and a function that times one new commit."""
    command = [sys.executable, str(Path(__file__).with_name("deltalake_peer.py")), str(bench.lake.location(HUGE))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    assert process.stdin
    assert process.stdout

    def update() -> float:
        draft, commit, _ = bench.lake.draft_commit(HUGE)
        process.stdin.write(f"{draft} {commit}\n")
        process.stdin.flush()
        return float(json.loads(process.stdout.readline())["seconds"]) * 1000

    try:
        yield json.loads(process.stdout.readline()), update
    finally:
        process.kill()
        process.communicate()
