"""PROTOCOL.md, "Get Query Info": how an asynchronous query stands, or, once it has succeeded, its answer."""

from dataclasses import replace

import msgspec

from lakeshare.audit.events import Result
from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import NotFound
from lakeshare.governance.scope import scope_hash
from lakeshare.operations.answers import LinesAnswer
from lakeshare.operations.async_queries import (
    StatusAnswer,
    is_over,
    status_answer,
    stored_capabilities,
    stored_request,
)
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.query_snapshot import query_snapshot
from lakeshare.operations.query_stream import query_stream
from lakeshare.operations.read_table import AuthorizedTable, authorized_table
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import PollRequest, QueryRequest


async def poll_query(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    query_id: str,
    poll: PollRequest,
    capabilities: Capabilities,
) -> LinesAnswer | StatusAnswer:
    """The answer, or the page of it that the poll asks for, at the version that was decided when it was submitted.

    What the client understands is what this request says, where it says so, and else what the submission said. The
    recipient's grant is asked for anew: raises NotFound, the same for a query that is unknown, over, another
    recipient's or another table's, or was submitted under another read scope. Raises as a query does besides.
    """
    table = authorized_table(access, name)
    query = await services.queries.find(query_id)
    if query is None or is_over(query, services.clock()) or not _is_of(query, access, table):
        raise NotFound(
            f"The query {query_id[:80]!r} does not exist, or has expired.",
            hint="Submit it again; an answer can be fetched for an hour.",
        )
    table = replace(table, audit_params=table.audit_params | {"query_id": query.id})
    if query.state != "succeeded":
        return _status(services, caller, table, query)
    request = _page_of(stored_request(query), poll)
    understood = _understood(capabilities, stored_capabilities(query))
    if request.is_stream:
        return await query_stream(services, caller, access, table, request, understood, always_end=True)
    return await query_snapshot(
        services, caller, access, table, request, understood, pinned=query.version, always_end=True
    )


def _is_of(query: AsyncQuery, access: RecipientAccess, table: AuthorizedTable) -> bool:
    asked_by, asked_of = access.recipient.id, table.shared
    return (query.recipient_id, query.share_id, query.table_id, query.scope_hash) == (
        asked_by,
        asked_of.share_id,
        asked_of.table.id,
        scope_hash(table.scope),
    )


def _status(services: Services, caller: Caller, table: AuthorizedTable, query: AsyncQuery) -> StatusAnswer:
    result: Result = {
        "tableVersion": query.version,
        "state": query.state,
        "deltaSharingRecipientId": query.recipient_id,
    }
    record(
        services,
        caller,
        "deltaSharingPolledQuery",
        table.audit_params,
        result=result,
        error_message=query.error_message,
    )
    return status_answer(query)


def _page_of(request: QueryRequest, poll: PollRequest) -> QueryRequest:
    """The submitted request with the page that is polled for. Only the first page has a refresh token."""
    return msgspec.structs.replace(
        request,
        max_files=request.max_files if poll.max_files is None else poll.max_files,
        page_token=poll.page_token,
        refresh_token=None,
        include_refresh_token=None if poll.page_token else request.include_refresh_token,
    )


def _understood(polled: Capabilities, submitted: Capabilities) -> Capabilities:
    """A poll that names a response format or a reader feature speaks for itself."""
    nothing = Capabilities()
    if (polled.formats, polled.reader_features) == (nothing.formats, nothing.reader_features):
        polled = replace(polled, formats=submitted.formats, reader_features=submitted.reader_features)
    return replace(polled, file_id_hash=polled.file_id_hash or submitted.file_id_hash)
