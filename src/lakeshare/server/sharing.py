"""The sharing API of PROTOCOL.md under `/delta-sharing`: headers and bodies to operations, answers to bytes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import InvalidValue, LakeshareError, RequestTooLarge, Unavailable
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authenticate import authenticate
from lakeshare.operations.authorize import TableName, authorize_table
from lakeshare.operations.list_pages import PageRequest
from lakeshare.operations.list_shared import get_share, list_all_tables, list_schemas, list_shares, list_tables
from lakeshare.operations.query_table import query_table
from lakeshare.operations.services import Caller, Services
from lakeshare.operations.table_metadata import table_metadata
from lakeshare.operations.table_version import table_version
from lakeshare.protocol.capabilities import HEADER as CAPABILITIES_HEADER, parse_capabilities
from lakeshare.protocol.requests import decode_query, parse_max_results
from lakeshare.server.callers import caller_of
from lakeshare.server.errors import answer_to
from lakeshare.server.ndjson import NDJSON, StreamedLines

PREFIX = "/delta-sharing"
MAX_BODY_BYTES = 10 * 1024 * 1024

Serve = Callable[[Services, Caller, RecipientAccess, Request], Awaitable[Response]]


async def _list_shares(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    return _json(await list_shares(services, caller, access, _page(request)))


async def _get_share(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    return _json(await get_share(services, caller, access, request.path_params["share"]))


async def _list_schemas(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    return _json(await list_schemas(services, caller, access, request.path_params["share"], _page(request)))


async def _list_tables(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    share, schema = request.path_params["share"], request.path_params["schema"]
    return _json(await list_tables(services, caller, access, share, schema, _page(request)))


async def _list_all_tables(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    return _json(await list_all_tables(services, caller, access, request.path_params["share"], _page(request)))


async def _table_version(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    starting = request.query_params.get("startingTimestamp")
    version = await table_version(services, caller, access, _table_name(request), starting)
    return Response(headers={"delta-table-version": str(version)})


async def _table_metadata(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    capabilities = parse_capabilities(request.headers.get(CAPABILITIES_HEADER))
    version, timestamp = request.query_params.get("version"), request.query_params.get("timestamp")
    answer = await table_metadata(services, caller, access, _table_name(request), capabilities, version, timestamp)
    return Response(answer.body, headers=_table_headers(answer.version, answer.response_format), media_type=NDJSON)


async def _query_table(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    query = decode_query(await _body(request))
    capabilities = parse_capabilities(request.headers.get(CAPABILITIES_HEADER))
    answer = await query_table(services, caller, access, _table_name(request), query, capabilities)
    return await StreamedLines.start(answer.chunks, _table_headers(answer.version, answer.response_format))


async def _table_changes(_: Services, __: Caller, access: RecipientAccess, request: Request) -> Response:
    authorize_table(access, _table_name(request))
    raise InvalidValue("The change data feed is not served yet.", hint="Query the table as it is now.")


def _table_headers(version: int, response_format: str) -> dict[str, str]:
    return {"delta-table-version": str(version), CAPABILITIES_HEADER: f"responseformat={response_format}"}


def _table_name(request: Request) -> TableName:
    params = request.path_params
    return TableName(params["share"], params["schema"], params["table"])


def _page(request: Request) -> PageRequest:
    params = request.query_params
    return PageRequest(parse_max_results(params.get("maxResults")), params.get("pageToken"))


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json; charset=utf-8")


async def _body(request: Request) -> bytes:
    """The whole body. Raises RequestTooLarge as soon as it is known to pass 10 MB."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise RequestTooLarge(
                "The request body is over 10 MB.", hint="Send fewer or simpler predicate hints; they only save work."
            )
    return bytes(body)


def _endpoint(action: str, serve: Serve) -> Callable[[Request], Awaitable[Response]]:
    """Authenticate, serve, and answer every error; refusals are audited under the action's name."""

    async def endpoint(request: Request) -> Response:
        services: Services = request.app.state.services
        caller = caller_of(request)
        params = {**request.path_params}
        try:
            access = await authenticate(services, _bearer_token(request))
            caller = replace(caller, name=access.recipient.name)
            params["recipient_name"] = access.recipient.name
            return await serve(services, caller, access, request)
        except Exception as error:  # noqa: BLE001  the boundary: whatever it is, the recipient gets a plain answer
            return _refuse(services, caller, action, params, error)

    return endpoint


def _refuse(services: Services, caller: Caller, action: str, params: dict[str, str], error: Exception) -> Response:
    answer = answer_to(error, caller.request_id)
    message = str(error) if isinstance(error, LakeshareError) else "internal error"
    try:
        record(services, caller, action, params, status_code=answer.status_code, error_message=message)
    except Unavailable as unaudited:
        return answer_to(unaudited, caller.request_id)
    return answer


def _bearer_token(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


_TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"

_ENDPOINTS: tuple[tuple[str, str, str, Serve], ...] = (
    ("GET", "/shares", "deltaSharingListShares", _list_shares),
    ("GET", "/shares/{share}", "deltaSharingGetShare", _get_share),
    ("GET", "/shares/{share}/schemas", "deltaSharingListSchemas", _list_schemas),
    ("GET", "/shares/{share}/schemas/{schema}/tables", "deltaSharingListTables", _list_tables),
    ("GET", "/shares/{share}/all-tables", "deltaSharingListAllTables", _list_all_tables),
    ("HEAD", _TABLE, "deltaSharingGetTableVersion", _table_version),
    ("GET", f"{_TABLE}/version", "deltaSharingGetTableVersion", _table_version),
    ("GET", f"{_TABLE}/metadata", "deltaSharingGetTableMetadata", _table_metadata),
    ("POST", f"{_TABLE}/query", "deltaSharingQueriedTable", _query_table),
    ("GET", f"{_TABLE}/changes", "deltaSharingQueriedTableChanges", _table_changes),
)


def sharing_routes() -> list[BaseRoute]:
    return [
        Route(PREFIX + path, _endpoint(action, serve), methods=[method]) for method, path, action, serve in _ENDPOINTS
    ]
