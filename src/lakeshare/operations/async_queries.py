"""What submitting, running and polling an asynchronous query have in common."""

from dataclasses import dataclass

import msgspec

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.protocol.actions import Line, QueryStatus
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import QueryRequest

KEPT_MS = 3_600_000
"""How long a query is kept after it has finished."""


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """The one line of a query that has no result, yet or ever.

    `version` is for the header `delta-table-version`. PROTOCOL.md has it on a result only, but Spark's connector wants
    it on every answer that bids it wait. It takes a failure for one of these, unless the header is absent.
    """

    body: bytes
    version: int | None


def status_answer(query: AsyncQuery) -> StatusAnswer:
    """PROTOCOL.md, "Get Query Info". A query that has succeeded is pending to whoever did not poll it yet."""
    if query.state == "failed":
        status = QueryStatus(query.id, "failed", error_code=query.error_code, error_message=query.error_message)
    else:
        status = QueryStatus(query.id, "pending")
    line = msgspec.json.encode(Line(query_status=status)) + b"\n"
    return StatusAnswer(line, None if query.state == "failed" else query.version)


def is_over(query: AsyncQuery, now: int) -> bool:
    """Whether its hour has passed."""
    return query.finished_at is not None and query.finished_at + KEPT_MS <= now


def encode_request(request: QueryRequest) -> str:
    return msgspec.json.encode(request).decode()


def stored_request(query: AsyncQuery) -> QueryRequest:
    """The request as it was submitted."""
    return msgspec.json.decode(query.request, type=QueryRequest)


def encode_capabilities(capabilities: Capabilities) -> str:
    return msgspec.json.encode(capabilities).decode()


def stored_capabilities(query: AsyncQuery) -> Capabilities:
    """What the client understood when it submitted the query."""
    return msgspec.json.decode(query.capabilities, type=Capabilities)
