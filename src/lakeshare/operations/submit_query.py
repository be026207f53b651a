"""PROTOCOL.md, "asyncQuery": a query that is kept, to be run in the background, and answered by its id."""

import hashlib
import uuid

import msgspec

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import InvalidValue
from lakeshare.governance.scope import scope_hash
from lakeshare.operations.async_queries import (
    KEPT_MS,
    StatusAnswer,
    encode_capabilities,
    encode_request,
    is_over,
    status_answer,
)
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.negotiate_format import negotiate_snapshot
from lakeshare.operations.query_snapshot import snapshot_version
from lakeshare.operations.query_stream import stream_range
from lakeshare.operations.query_tokens import request_hash
from lakeshare.operations.read_table import AuthorizedTable, authorized_table, read_snapshot
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import QueryRequest

MOST_PENDING = 100
"""How many queries of one recipient may wait at a time."""

MOST_KEPT = 10_000
"""How many one recipient may have, with those that finished within the hour."""

MOST_BYTES = 64 * 1024
"""How large a request may be, in JSON, to be kept."""


def runs_later(request: QueryRequest, capabilities: Capabilities) -> bool:
    """Whether the query is to be submitted.

    A client that would wait takes an answer at once, too. It gets one for a further page of such an answer, where
    the request is too large to be kept, and for a stream without a key: Spark's connector announces `asyncquery` on
    its streams, and does not read a pending answer there.
    """
    if not capabilities.async_query or request.page_token:
        return False
    if request.is_stream and not request.submission_key:
        return False
    return len(encode_request(request)) <= MOST_BYTES


async def submit_query(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    request: QueryRequest,
    capabilities: Capabilities,
) -> StatusAnswer:
    """Decide which version the query reads, keep it, and give its id; the same id again for the same idempotency key.

    Raises NotFound, InvalidValue, ResourceExhausted, TableUnreadable or Unavailable.
    """
    table = authorized_table(access, name)
    query = await _submitted(services, access, table, request)
    if query is None:
        query = await _submit(services, access, table, request, capabilities)
    if query.request_hash != _hash(request, capabilities):
        raise InvalidValue(
            "The idempotencyKey was used for another query of this table.",
            hint="Send a key of its own for each query.",
        )
    record(
        services,
        caller,
        "deltaSharingSubmittedQuery",
        table.audit_params | {"query_id": query.id},
        result={"tableVersion": query.version, "deltaSharingRecipientId": access.recipient.id},
    )
    return status_answer(query)


async def _submitted(
    services: Services, access: RecipientAccess, table: AuthorizedTable, request: QueryRequest
) -> AsyncQuery | None:
    """What this is a retry of."""
    key = _stored_key(request)
    if key is None:
        return None
    query = await services.queries.submitted(access.recipient.id, table.shared.share_id, table.shared.table.id, key)
    return None if query is None or is_over(query, services.clock()) else query


async def _submit(
    services: Services,
    access: RecipientAccess,
    table: AuthorizedTable,
    request: QueryRequest,
    capabilities: Capabilities,
) -> AsyncQuery:
    version, pinned = await _pin(services, access, table, request, capabilities)
    now = services.clock()
    query = AsyncQuery(
        id=str(uuid.uuid4()),
        recipient_id=access.recipient.id,
        share_id=table.shared.share_id,
        table_id=table.shared.table.id,
        idempotency_key=_stored_key(request),
        request_hash=_hash(request, capabilities),
        request=encode_request(pinned),
        capabilities=encode_capabilities(capabilities),
        version=version,
        scope_hash=scope_hash(table.scope),
        created_at=now,
    )
    return await services.queries.submit(query, finished_before=now - KEPT_MS, pending=MOST_PENDING, kept=MOST_KEPT)


async def _pin(
    services: Services,
    access: RecipientAccess,
    table: AuthorizedTable,
    request: QueryRequest,
    capabilities: Capabilities,
) -> tuple[int, QueryRequest]:
    """The version that the query reads, and the request that reads the same however often and late it is run.

    Of a stream, which reads several versions, it is the first. What needs nothing but the newest version to be refused
    is refused here, since some clients see a failure of the query itself late. Raises as the query does.
    """
    if request.is_stream:
        stream = await stream_range(services, table, request)
        return stream.start, msgspec.structs.replace(
            request,
            starting_version=stream.start,
            starting_timestamp=None,
            ending_version=stream.end,
            ending_timestamp=None,
        )
    version = await snapshot_version(services, access, table, request)
    if version is None:
        newest = await read_snapshot(services, table)
        negotiate_snapshot(newest, capabilities, table.shown_as)
        version = newest.version
    return version, request


def _hash(request: QueryRequest, capabilities: Capabilities) -> str:
    """What two submissions of one query have in common."""
    return request_hash("query", request, capabilities)


def _stored_key(request: QueryRequest) -> str | None:
    """The idempotency key's SHA-256: a client's text may be of any length, and hold what no database does."""
    key = request.submission_key
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest() if key else None
