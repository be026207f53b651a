"""Asynchronous queries, as the database keeps them: what was asked and of which version, never a result or a URL."""

from dataclasses import dataclass
from typing import Literal, Protocol

QueryState = Literal["pending", "succeeded", "failed"]


@dataclass(frozen=True, slots=True)
class AsyncQuery:
    """A query that a worker runs in the background. Times are epoch milliseconds, UTC.

    `request` and `capabilities` are JSON. `version` is the table's version that the query reads. `attempts` counts the
    workers that began to run it. Code and message of an error are for the recipient.
    """

    id: str
    recipient_id: str
    share_id: str
    table_id: str
    idempotency_key: str | None
    request_hash: str
    request: str
    capabilities: str
    version: int
    scope_hash: str
    created_at: int
    state: QueryState = "pending"
    finished_at: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    attempts: int = 0


class AsyncQueryStore(Protocol):
    """Workers of several processes share it. Raises Unavailable where the database does not answer.

    A lease is a worker's right to run a query, until a time: others leave the query alone until then.
    """

    async def submitted(
        self, recipient_id: str, share_id: str, table_id: str, idempotency_key: str
    ) -> AsyncQuery | None:
        """The query that was submitted under this key."""

    async def submit(self, query: AsyncQuery, *, finished_before: int, pending: int, kept: int) -> AsyncQuery:
        """Keep the query; or give the one that its idempotency key stands for already.

        The recipient's queries that were finished before `finished_before` are forgotten first. Raises
        ResourceExhausted where it has `pending` pending ones or `kept` in all, and NotFound where recipient, share or
        table has just been deleted.
        """

    async def find(self, query_id: str) -> AsyncQuery | None: ...

    async def lease(self, worker: str, now: int, until: int) -> AsyncQuery | None:
        """The pending query that waits longest and that nobody has a lease of; None where there is none."""

    async def extend_lease(self, query_id: str, worker: str, until: int) -> bool:
        """False where the worker does not have the lease any more."""

    async def give_back(self, query_id: str, worker: str, not_before: int) -> bool:
        """End the lease; the query is pending, and is leased again not before this time. False as above."""

    async def succeed(self, query_id: str, worker: str, now: int) -> bool:
        """False as above; the query is then another worker's to finish."""

    async def fail(self, query_id: str, worker: str, now: int, code: str, message: str) -> bool:
        """False as above."""

    async def forget(self, finished_before: int) -> int:
        """Delete the queries that were finished before; how many they were."""
