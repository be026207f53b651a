"""Small requests: how many a second, with every one authorized and audited."""

from collections.abc import Iterator

from case import LARGE, Bench
from figures import Figure, repeated
from servers import lakeshare_server

RECIPIENTS = 1_000


def small_requests(bench: Bench) -> Iterator[Figure]:
    table = bench.table(LARGE)
    bench.tell(f"inviting {RECIPIENTS:,} recipients")
    tokens = bench.lake.add_recipients(RECIPIENTS)
    answered = 0
    audited_before = bench.lake.audited()

    def rate(url: str) -> float:
        nonlocal answered
        measured = bench.client.call("requests", url=url, tokens=tokens, seconds=2.0)
        answered += measured["answered"]
        return float(measured["answered"] / measured["seconds"])

    with lakeshare_server(bench.lake.home) as server:
        for name, url, target in (
            ("list shares", f"{server.endpoint}/shares", 7_000),
            ("table version", f"{server.endpoint}{table}/version", 5_000),
            ("table metadata", f"{server.endpoint}{table}/metadata", 5_000),
        ):
            bench.tell(name)
            rate(url)
            runs = repeated(lambda url=url: rate(url))
            yield Figure(f"{name}, {RECIPIENTS:,} recipients in turn", "requests/s", runs, at_least=target)
    audited = bench.lake.audited() - audited_before
    yield Figure("... events in the audit for each answer", "x", (audited / answered,), at_least=1)
