"""Several full queries at once, and what others feel of them."""

from collections.abc import Iterator

from case import LARGE, MB, Bench
from figures import Figure, repeated
from servers import lakeshare_server

STREAMS = 8
SHARED_SECONDS = 3.0


def concurrency(bench: Bench) -> Iterator[Figure]:
    table = bench.table(LARGE)
    with lakeshare_server(bench.lake.home) as server:
        bench.tell("warming the server up")
        bench.warm(server, table)
        asked = {"url": server.query_url(table), "token": bench.token}
        shares = f"{server.endpoint}/shares"
        worst: list[float] = []

        def together(number: int) -> float:
            answer = bench.client.call("streams", number=number, **asked)
            return float(answer["bytes"] / MB / answer["seconds"])

        def together_with_others() -> float:
            bench.client.begin("streams", number=STREAMS, **asked)
            paced = bench.second_client.call("paced", url=shares, token=bench.token, seconds=SHARED_SECONDS)
            answer = bench.client.end()
            during = sorted(paced["latencies"][: max(1, int(answer["seconds"] * 100))])
            worst.append(during[int(len(during) * 0.99)] * 1000)
            return float(answer["bytes"] / MB / answer["seconds"])

        bench.tell(f"one stream, then {STREAMS} at once")
        alone: list[float] = []
        eight: list[float] = []

        def compared() -> float:
            alone.append(together(1))
            eight.append(together(STREAMS))
            return eight[-1] / alone[-1]

        ratios = repeated(compared)
        bench.tell(f"{STREAMS} streams and others")
        repeated(together_with_others)
    yield Figure("one full query of 100k files", "MB/s", tuple(alone))
    yield Figure(f"{STREAMS} at once, in total", "MB/s", tuple(eight))
    yield Figure("... of the throughput of one", "x", ratios, at_least=0.8)
    yield Figure("list shares meanwhile, 99th percentile", "ms", tuple(worst), at_most=50)
