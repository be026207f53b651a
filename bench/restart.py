"""What a server that died and was started again still has."""

from collections.abc import Iterator

from case import HUGE, Bench
from figures import Figure, repeated
from servers import lakeshare_server


def restart(bench: Bench) -> Iterator[Figure]:
    table = bench.table(HUGE)

    def first_byte_after_crash() -> float:
        with lakeshare_server(bench.lake.home) as server:
            first = bench.first_byte(server, table)
            server.kill()
            return first

    with lakeshare_server(bench.lake.home) as server:
        bench.tell("warming the server up")
        bench.warm(server, table)
        server.kill()
    bench.tell("killing it and starting it again")
    runs = repeated(first_byte_after_crash, seconds=30)
    yield Figure("after kill -9 and a start: first byte of a query of 1M files", "ms", runs, at_most=300)
