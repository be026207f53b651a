"""What a case is given: the lake, and clients that are processes of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from client import Client
from figures import Figure
from lake import Lake
from processes import wait_until_idle
from servers import Server

SMALL, LARGE, HUGE = 10_000, 100_000, 1_000_000
MB = 1_000_000


@dataclass
class Bench:
    """`tell` shows what is being done."""

    lake: Lake
    tell: Callable[[str], None]
    client: Client = field(default_factory=Client)
    second_client: Client = field(default_factory=Client)

    def __enter__(self) -> Self:
        self._open = ExitStack()
        self._open.enter_context(self.client)
        self._open.enter_context(self.second_client)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, traceback)

    @property
    def token(self) -> str:
        return self.lake.tokens[0]

    def table(self, files: int) -> str:
        self.tell(f"writing a table of {files:,} files")
        return self.lake.table(files)

    def query(self, server: Server, table: str, body: str = "{}", *, count: bool = False) -> dict[str, float]:
        """One query, read to its end; with `count` its lines are counted."""
        return self.client.call("stream", url=server.query_url(table), token=self.token, body=body, count=count)

    def first_byte(self, server: Server, table: str, body: str = "{}") -> float:
        """Milliseconds to the first byte of a query; then the client leaves, and the server comes to rest."""
        answer = self.client.call("stream", url=server.query_url(table), token=self.token, body=body, leave=True)
        wait_until_idle(server.pid, quiet=0.2)
        return float(answer["first"] * 1000)

    def warm(self, server: Server, table: str, body: str = "{}") -> dict[str, float]:
        """Ask twice, then wait until the server has nothing left to do behind its answers."""
        for _ in range(2):
            answer = self.query(server, table, body, count=True)
            wait_until_idle(server.pid)
        return answer


Case = Callable[[Bench], Iterator[Figure]]
