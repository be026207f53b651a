"""Queries of large tables by one client: whole, pruned and limited."""

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from case import HUGE, LARGE, MB, Bench
from figures import Figure, repeated
from sample_log import LONGS, partition_hint, stats_hint
from servers import lakeshare_server, s3_server, start_new_signing_window


def full_queries(bench: Bench) -> Iterator[Figure]:
    """100,000 files with fresh signatures, and again while the signing window lasts."""
    table, files = bench.table(LARGE), bench.lake.active_files(LARGE)
    with lakeshare_server(bench.lake.home) as server:
        bench.tell("querying 100,000 files with local URLs")
        bench.warm(server, table)
        runs = repeated(lambda: files / bench.query(server, table)["seconds"])
        yield Figure("query of 100k files, URLs of the local file server", "files/s", runs)
    with s3_server(bench.lake.home) as server:
        bench.tell("querying 100,000 files with S3 URLs")
        answer = bench.warm(server, table)
        assert answer["lines"] == files + 2, answer

        signed: list[float] = []
        rates: list[float] = []

        def fresh() -> float:
            start_new_signing_window(server)
            rates.append(files / bench.query(server, table)["seconds"])
            signed.append(_signatures_per_second())
            return rates[-1] / signed[-1]

        ratios = repeated(fresh)
        again = repeated(lambda: (answer := bench.query(server, table))["bytes"] / MB / answer["seconds"])
    yield Figure("query of 100k files, S3 URLs, fresh signatures", "files/s", tuple(rates), at_least=250_000)
    yield Figure("SigV4 signing alone, one thread", "URLs/s", tuple(signed))
    yield Figure("... files of the query for each URL signed alone", "x", ratios)
    yield Figure("the same again within the signing window", "MB/s", again, at_least=800)


def pruned_queries(bench: Bench) -> Iterator[Figure]:
    """What a query of a million files costs where it wants few of them."""
    table = bench.table(HUGE)
    days, firsts = count(1), iter(LONGS[:-1])
    with lakeshare_server(bench.lake.home) as server:
        bench.tell("warming the server up")
        bench.warm(server, table)

        def timed(request: dict[str, object]) -> float:
            return bench.query(server, table, json.dumps(request))["seconds"] * 1000

        bench.tell("querying 1,000,000 files")
        first_bytes = repeated(lambda: bench.first_byte(server, table))
        yield Figure("query of 1M files, first byte", "ms", first_bytes, at_most=50)

        bench.tell("pruning by partition values")

        def next_day() -> dict[str, object]:
            return {"predicateHints": [partition_hint(next(days))]}

        timed(next_day())
        begun = repeated(lambda: bench.first_byte(server, table, json.dumps(next_day())))
        yield Figure("partition filter that leaves 1% of 1M files, first byte", "ms", begun, at_most=20)
        whole = repeated(lambda: timed(next_day()))
        yield Figure("... the whole answer of 10,000 files", "ms", whole)
        kept = next_day()
        timed(kept)
        timed(kept)
        yield Figure("... the same again within the signing window", "ms", repeated(lambda: timed(kept)), at_most=20)

        bench.tell("pruning by statistics")
        asked: list[str] = []

        def by_new_column() -> float:
            asked.append(next(firsts))
            return timed({"predicateHints": [stats_hint(asked[-1], leaves=HUGE // 100)]})

        by_new = repeated(by_new_column)
        yield Figure("filter on a stats column of 1M files that leaves 1%, the first time", "ms", by_new, at_most=2_000)
        others = count(1)

        def on_known_column() -> dict[str, object]:
            hint = stats_hint(asked[-1], leaves=HUGE // 100, after=next(others) * HUGE // 100)
            return {"predicateHints": [hint]}

        known = repeated(lambda: bench.first_byte(server, table, json.dumps(on_known_column())))
        yield Figure("... other bounds of the same column after that, first byte", "ms", known, at_most=20)
        yield Figure("... the whole answer of 10,000 files", "ms", repeated(lambda: timed(on_known_column())))

        bench.tell("limiting")
        limited = repeated(lambda: timed({"limitHint": 1000}))
        yield Figure("limitHint 1000 on 1M files", "ms", limited, at_most=10)


def _signatures_per_second() -> float:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("signing.py"))], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
