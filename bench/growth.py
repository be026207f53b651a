"""How the cost of a query grows from 10,000 to 100,000 to 1,000,000 files."""

import json
from collections.abc import Callable, Iterator
from itertools import count

from case import HUGE, LARGE, SMALL, Bench
from figures import Figure, repeated
from sample_log import partition_hint, stats_hint
from servers import lakeshare_server

SIZES = (SMALL, LARGE, HUGE)
LEFT = 100


def growth(bench: Bench) -> Iterator[Figure]:
    """Three queries: the first one's answer grows with the table, the others' answers do not."""
    number = count(1)
    requests: dict[str, Callable[[], dict[str, object]]] = {
        "partition filter that leaves 1%": lambda: {"predicateHints": [partition_hint(next(number) % 100)]},
        f"stats filter that leaves {LEFT} files": lambda: {
            "predicateHints": [stats_hint("event_id", leaves=LEFT, after=next(number))]
        },
        "limitHint 1000": lambda: {"limitHint": 1000},
    }
    runs: dict[str, list[tuple[float, ...]]] = {name: [] for name in requests}
    for files in SIZES:
        table = bench.table(files)
        with lakeshare_server(bench.lake.home) as server:
            bench.tell(f"querying {files:,} files")
            bench.warm(server, table)
            for name, request in requests.items():

                def timed(request: Callable[[], dict[str, object]] = request) -> float:
                    body = json.dumps(request())
                    return bench.query(server, table, body)["seconds"] * 1000  # noqa: B023

                timed()
                runs[name].append(repeated(timed, runs=9))
    for name, of_sizes in runs.items():
        costs = [Figure(name, "ms", of_size) for of_size in of_sizes]
        points = tuple((files, cost.value) for files, cost in zip(SIZES, costs, strict=True))
        told = ", ".join(f"{milliseconds:.1f}" for _, milliseconds in points)
        yield Figure(
            f"{name}: 100 times the files cost", "x", (costs[-1].value / costs[0].value,), at_most=100,
            note=f"{told} ms", points=points,
        )  # fmt: skip
