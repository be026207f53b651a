"""The sharing API of PROTOCOL.md under `/delta-sharing`: headers and bodies to operations, answers to bytes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import LakeshareError, RequestTooLarge, Unavailable
from lakeshare.operations.answers import LinesAnswer, as_is, broken_off_line
from lakeshare.operations.async_queries import StatusAnswer
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authenticate import authenticate
from lakeshare.operations.authorize import TableName
from lakeshare.operations.list_pages import PageRequest
from lakeshare.operations.list_shared import (
    get_share,
    get_table,
    list_all_tables,
    list_schemas,
    list_shares,
    list_tables,
)
from lakeshare.operations.poll_query import poll_query
from lakeshare.operations.query_table import query_table
from lakeshare.operations.services import Caller, Services
from lakeshare.operations.submit_query import runs_later, submit_query
from lakeshare.operations.table_changes import table_changes
from lakeshare.operations.table_metadata import table_metadata
from lakeshare.operations.table_version import table_version
from lakeshare.protocol.capabilities import (
    FILE_ID_HASH_HEADER,
    HEADER as CAPABILITIES_HEADER,
    Capabilities,
    parse_capabilities,
    render_capabilities,
)
from lakeshare.protocol.requests import decode_poll, decode_query, parse_max_results
from lakeshare.server.callers import caller_of
from lakeshare.server.compression import GZIPPED, SMALL_BYTES, VARY, GzippedChunks, accepts_gzip, compress, deflate
from lakeshare.server.errors import answer_to, no_such_method, no_such_path, status_of
from lakeshare.server.ndjson import NDJSON, StreamedLines, whole_lines

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


async def _get_table(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    return _json(await get_table(services, caller, access, _table_name(request)))


async def _table_version(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    starting = request.query_params.get("startingTimestamp")
    version = await table_version(services, caller, access, _table_name(request), starting)
    return Response(headers={"delta-table-version": str(version)})


async def _table_metadata(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    capabilities = parse_capabilities(request.headers.get(CAPABILITIES_HEADER))
    version, timestamp = request.query_params.get("version"), request.query_params.get("timestamp")
    answer = await table_metadata(services, caller, access, _table_name(request), capabilities, version, timestamp)
    responded = render_capabilities(answer.response_format, include_end_stream_action=False)
    headers = {"delta-table-version": str(answer.version), CAPABILITIES_HEADER: responded}
    if len(answer.body) < SMALL_BYTES or not accepts_gzip(request.headers.get("accept-encoding")):
        return Response(answer.body, headers=headers | VARY, media_type=NDJSON)
    return Response(compress(answer.body), headers=headers | GZIPPED, media_type=NDJSON)


async def _query_table(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    query = decode_query(await _body(request))
    capabilities = _capabilities(request)
    if runs_later(query, capabilities):
        status = await submit_query(services, caller, access, _table_name(request), query, capabilities)
        return _status(status, capabilities)
    answer = await query_table(services, caller, access, _table_name(request), query, capabilities)
    return await _stream(answer, capabilities, caller, request)


async def _poll_query(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    poll = decode_poll(await _body(request))
    query_id, capabilities = request.path_params["queryId"], _capabilities(request)
    answer = await poll_query(services, caller, access, _table_name(request), query_id, poll, capabilities)
    if isinstance(answer, StatusAnswer):
        return _status(answer, capabilities)
    return await _stream(answer, capabilities, caller, request)


async def _table_changes(services: Services, caller: Caller, access: RecipientAccess, request: Request) -> Response:
    capabilities = _capabilities(request)
    answer = await table_changes(services, caller, access, _table_name(request), request.query_params, capabilities)
    return await _stream(answer, capabilities, caller, request)


def _capabilities(request: Request) -> Capabilities:
    return parse_capabilities(request.headers.get(CAPABILITIES_HEADER), request.headers.get(FILE_ID_HASH_HEADER))


async def _stream(answer: LinesAnswer, capabilities: Capabilities, caller: Caller, request: Request) -> Response:
    """The answer's lines, with a last one that tells it where the answer breaks off and the client would listen."""
    headers = {
        "delta-table-version": str(answer.version),
        CAPABILITIES_HEADER: render_capabilities(
            answer.response_format, include_end_stream_action=capabilities.include_end_stream_action
        ),
    }
    if capabilities.file_id_hash is not None:
        headers[FILE_ID_HASH_HEADER] = capabilities.file_id_hash

    def broken_off(error: Exception) -> bytes:
        return broken_off_line(status_of(error, caller.request_id), caller.request_id)

    if not accepts_gzip(request.headers.get("accept-encoding")):
        lines = whole_lines(answer.chunks(as_is))
        return await StreamedLines.start(lines, headers | VARY, broken_off if answer.has_end else None)
    gzipped = GzippedChunks(answer.chunks(deflate))

    def gzipped_broken_off(error: Exception) -> bytes:
        return gzipped.end_with(broken_off(error))

    response = await StreamedLines.start(gzipped, headers, gzipped_broken_off if answer.has_end else None)
    response.headers.update(GZIPPED if gzipped.is_gzip else VARY)
    return response


def _status(answer: StatusAnswer, capabilities: Capabilities) -> Response:
    headers = {CAPABILITIES_HEADER: "asyncquery=true"}
    if answer.version is not None:
        headers["delta-table-version"] = str(answer.version)
    if capabilities.file_id_hash is not None:
        headers[FILE_ID_HASH_HEADER] = capabilities.file_id_hash
    return Response(answer.body, headers=headers, media_type=NDJSON)


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


async def _answer(action: str, serve: Serve, request: Request) -> Response:
    """Authenticate, serve, and answer every error; refusals are audited under the action's name."""
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

ENDPOINTS: tuple[tuple[str, str, str, Serve], ...] = (
    ("GET", "/shares", "deltaSharingListShares", _list_shares),
    ("GET", "/shares/{share}", "deltaSharingGetShare", _get_share),
    ("GET", "/shares/{share}/schemas", "deltaSharingListSchemas", _list_schemas),
    ("GET", "/shares/{share}/schemas/{schema}/tables", "deltaSharingListTables", _list_tables),
    ("GET", "/shares/{share}/all-tables", "deltaSharingListAllTables", _list_all_tables),
    ("HEAD", _TABLE, "deltaSharingGetTableVersion", _table_version),
    ("GET", _TABLE, "deltaSharingGetTable", _get_table),
    ("GET", f"{_TABLE}/version", "deltaSharingGetTableVersion", _table_version),
    ("GET", f"{_TABLE}/metadata", "deltaSharingGetTableMetadata", _table_metadata),
    ("POST", f"{_TABLE}/query", "deltaSharingQueriedTable", _query_table),
    ("POST", f"{_TABLE}/queries/{{queryId}}", "deltaSharingPolledQuery", _poll_query),
    ("GET", f"{_TABLE}/changes", "deltaSharingQueriedTableChanges", _table_changes),
)


class SharingApi:
    """The endpoints, as an ASGI application for the paths below `PREFIX`.

    `scope["app"].state.services` holds the Services. A path is looked up in a dictionary: a framework's routes and
    layers would cost more than what a listing does.
    """

    def __init__(self) -> None:
        self._methods: dict[_Shape, dict[str, tuple[str, Serve]]] = {}
        self._names: dict[_Shape, list[str]] = {}
        for method, path, action, serve in ENDPOINTS:
            words = path.split("/")[1:]
            self._methods.setdefault(_shape(words), {})[method] = (action, serve)
            self._names[_shape(words)] = [word.strip("{}") for word in words[1::2]]
        for methods in self._methods.values():
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        words = scope["path"].removeprefix(PREFIX).split("/")[1:]
        methods, values = self._methods.get(_shape(words)), words[1::2]
        if methods is None or not all(values):
            response = no_such_path()
        elif request.method not in methods:
            response = no_such_method(request.method, sorted(methods))
        else:
            scope["path_params"] = dict(zip(self._names[_shape(words)], values, strict=True))
            response = await _answer(*methods[request.method], request)
        await response(scope, receive, send)


_Shape = tuple[int, tuple[str, ...]]


def _shape(words: list[str]) -> _Shape:
    """What tells the endpoints' paths apart: their length, and every other word, which is the same for all."""
    return len(words), tuple(words[0::2])
