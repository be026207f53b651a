"""The OpenAPI 3.1 description of the sharing API, built from the route table and the wire structs.

It is static and public: it tells what PROTOCOL.md tells, and nothing of what this server holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from lakeshare.protocol import listing
from lakeshare.protocol.actions import DeltaLine, Line
from lakeshare.protocol.capabilities import HEADER as CAPABILITIES_HEADER
from lakeshare.protocol.error_codes import ErrorCode
from lakeshare.protocol.requests import MAX_RESULTS, PollRequest, QueryRequest
from lakeshare.server.errors import STATUS
from lakeshare.server.sharing import ENDPOINTS, PREFIX

JsonSchema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a 200 is: a JSON object of the component `schema`, lines (protocol/actions.py) or nothing; and headers."""

    schema: str | None = None
    lines: bool = False
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One endpoint. `query`, `headers` and `Answer.headers` name entries of the tables below."""

    summary: str
    section: str  # of PROTOCOL.md
    answer: Answer
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    body: str | None = None  # a component
    deprecated: bool = False


_PAGING = ("maxResults", "pageToken")
_READ_HEADERS = (CAPABILITIES_HEADER, "fileidhash")
_VERSIONED = ("delta-table-version",)
_FILES = Answer(lines=True, headers=(*_VERSIONED, CAPABILITIES_HEADER, "fileidhash"))
_TABLE = "/shares/{share}/schemas/{schema}/tables/{table}"

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/shares"): Operation("List shares", "List Shares", Answer("SharePage"), _PAGING),
    ("GET", "/shares/{share}"): Operation("Get a share", "Get Share", Answer("ShareAnswer")),
    ("GET", "/shares/{share}/schemas"): Operation(
        "List the schemas of a share", "List Schemas in a Share", Answer("SchemaPage"), _PAGING
    ),
    ("GET", "/shares/{share}/schemas/{schema}/tables"): Operation(
        "List the tables of a schema", "List Tables in a Schema", Answer("TablePage"), _PAGING
    ),
    ("GET", "/shares/{share}/all-tables"): Operation(
        "List all tables of a share", "List all Tables in a Share", Answer("TablePage"), _PAGING
    ),
    ("HEAD", _TABLE): Operation(
        "Get the newest version of a table", "Query Table Version", Answer(headers=_VERSIONED), deprecated=True
    ),
    ("GET", _TABLE): Operation("Get a table", "Get Table (OpenSharing)", Answer("DescribedTable")),
    ("GET", f"{_TABLE}/version"): Operation(
        "Get a version of a table",
        "Query Table Version",
        Answer(headers=_VERSIONED),
        ("startingTimestamp",),
    ),
    ("GET", f"{_TABLE}/metadata"): Operation(
        "Get the protocol and the schema of a table",
        "Query Table Metadata",
        Answer(lines=True, headers=(*_VERSIONED, CAPABILITIES_HEADER)),
        ("version", "timestamp"),
        (CAPABILITIES_HEADER,),
    ),
    ("POST", f"{_TABLE}/query"): Operation(
        "Read a table", "Read Data from a Table", _FILES, headers=_READ_HEADERS, body="QueryRequest"
    ),
    ("POST", f"{_TABLE}/queries/{{queryId}}"): Operation(
        "Poll an asynchronous query",
        "Get Query Info",
        Answer(lines=True, headers=(CAPABILITIES_HEADER, "fileidhash")),
        headers=_READ_HEADERS,
        body="PollRequest",
    ),
    ("GET", f"{_TABLE}/changes"): Operation(
        "Read the change data feed of a table",
        "Read Change Data Feed from a Table",
        _FILES,
        (
            "startingVersion",
            "startingTimestamp",
            "endingVersion",
            "endingTimestamp",
            "includeHistoricalMetadata",
            "includeHistoricalProtocol",
            "maxFiles",
            "pageToken",
        ),
        _READ_HEADERS,
    ),
}
"""By method and path below the prefix: what there is to tell about every entry of the route table."""

_TEXT: JsonSchema = {"type": "string"}
_FLAG: JsonSchema = {"type": "boolean"}
_VERSION: JsonSchema = {"type": "integer", "format": "int64", "minimum": 0}
_TIMESTAMP: JsonSchema = {"type": "string", "format": "date-time"}
_NAME: JsonSchema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[^/\x00-\x20\x7f]+$"}

_PATH_PARAMETERS: dict[str, tuple[JsonSchema, str]] = {
    "share": (_NAME, "The share's name, in any case."),
    "schema": (_NAME, "The schema's name, in any case."),
    "table": (_NAME, "The table's name, in any case."),
    "queryId": (_TEXT, "The id that an asynchronous query was answered with."),
}
_QUERY_PARAMETERS: dict[str, tuple[JsonSchema, str]] = {
    "maxResults": (
        {"type": "integer", "format": "int32", "minimum": 0},
        f"How many items a page may hold; over {MAX_RESULTS} is taken as {MAX_RESULTS}, and 0 gives none.",
    ),
    "pageToken": (_TEXT, "The nextPageToken of the page before."),
    "startingTimestamp": (_TIMESTAMP, "From the earliest version at or after this time."),
    "endingTimestamp": (_TIMESTAMP, "Up to the last version at or before this time."),
    "startingVersion": (_VERSION, "From this version on."),
    "endingVersion": (_VERSION, "Up to this version, inclusive."),
    "version": (_VERSION, "As of this version."),
    "timestamp": (_TIMESTAMP, "As of the last version at or before this time."),
    "includeHistoricalMetadata": (_FLAG, "Whether to tell the schema of every version that changed it."),
    "includeHistoricalProtocol": (_FLAG, "Whether to tell the protocol of every version that changed it."),
    "maxFiles": (
        {"type": "integer", "format": "int32", "minimum": 1},
        "How many files a page may hold; sending it asks for pages.",
    ),
}
_HEADERS: dict[str, tuple[JsonSchema, str]] = {
    CAPABILITIES_HEADER: (_TEXT, "Such as `responseformat=delta;readerfeatures=deletionvectors`. Unknown ones pass."),
    "fileidhash": ({"type": "string", "enum": ["parquet", "delta"]}, "The scheme that file ids are derived by."),
    "delta-table-version": ({"type": "string", "pattern": "^[0-9]+$"}, "The version of the table that is answered."),
}

_ERROR_STATUSES = (400, 401, 403, 404, 405, 429, 500, 503)
_BODY_ERROR_STATUSES = (413,)


def openapi_routes() -> list[BaseRoute]:
    """`GET /delta-sharing/openapi.json`, for everybody."""
    return [Route(f"{PREFIX}/openapi.json", _serve, methods=["GET"])]


async def _serve(_: Request) -> Response:
    headers = {"cache-control": "public, max-age=3600", "access-control-allow-origin": "*"}
    return Response(_rendered(), headers=headers, media_type="application/json; charset=utf-8")


@cache
def _rendered() -> bytes:
    return msgspec.json.encode(describe((method, path) for method, path, *_ in ENDPOINTS))


def describe(endpoints: Iterable[tuple[str, str]]) -> JsonSchema:
    """The OpenAPI document of the given (method, path) pairs. Raises KeyError for one that OPERATIONS lacks."""
    paths: dict[str, JsonSchema] = {}
    for method, path in endpoints:
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, OPERATIONS[method, path])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lakeshare sharing API",
            "version": version("lakeshare"),
            "summary": "The Delta Sharing protocol: live tables for recipients.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(),
        },
    }


def _operation(method: str, path: str, operation: Operation) -> JsonSchema:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = [
        *(_parameter("path", name, *_PATH_PARAMETERS[name]) for name in names),
        *(_parameter("query", name, *_QUERY_PARAMETERS[name]) for name in operation.query),
        *(_parameter("header", name, *_HEADERS[name]) for name in operation.headers),
    ]
    described: JsonSchema = {
        "summary": operation.summary,
        "description": f'PROTOCOL.md, "{operation.section}".',
        "operationId": operation.summary.title().replace(" ", ""),
        "parameters": parameters,
        "responses": _responses(method, operation),
    }
    if operation.body:
        content = {"application/json": {"schema": _ref(operation.body)}}
        described["requestBody"] = {"required": False, "content": content}
    if operation.deprecated:
        described["deprecated"] = True
    return described


def _parameter(place: str, name: str, schema: JsonSchema, description: str) -> JsonSchema:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": description}


def _responses(method: str, operation: Operation) -> JsonSchema:
    statuses = (*_ERROR_STATUSES, *(_BODY_ERROR_STATUSES if operation.body else ()))
    return {
        "200": _answered(operation.answer),
        **{str(status): _refused(status, with_body=method != "HEAD") for status in sorted(statuses)},
    }


def _answered(answer: Answer) -> JsonSchema:
    described: JsonSchema = {"description": "Answered."}
    if answer.headers:
        described["headers"] = {
            name: {"schema": schema, "description": text, "required": not answer.lines}
            for name, (schema, text) in ((name, _HEADERS[name]) for name in answer.headers)
        }
    if answer.schema:
        described["content"] = {"application/json": {"schema": _ref(answer.schema)}}
    if answer.lines:
        # OpenAPI 3.1 cannot describe the items of a stream: the schema of one line stands beside.
        lines = {"type": "string", "description": "One JSON object a line, each with one field."}
        line = {"anyOf": [_ref("Line"), _ref("DeltaLine")]}
        described["content"] = {"application/x-ndjson": {"schema": lines, "x-line-schema": line}}
    return described


def _refused(status: int, *, with_body: bool) -> JsonSchema:
    codes = ", ".join(code for code, its_status in STATUS.items() if its_status == status)
    content = {"content": {"application/json": {"schema": _ref("Error")}}} if with_body else {}
    return {"description": f"Refused: {codes}."} | content


def _schemas() -> dict[str, JsonSchema]:
    _, schemas = msgspec.json.schema_components(
        [
            *(listing.Share, listing.ShareAnswer, listing.Schema, listing.Table, listing.DescribedTable),
            *(QueryRequest, PollRequest, Line, DeltaLine),
        ],
        ref_template="#/components/schemas/{name}",
    )
    pages = {f"{item}Page": _page(item) for item in ("Share", "Schema", "Table")}
    return {**schemas, **pages, "Error": _ERROR}


def _page(item: str) -> JsonSchema:
    properties = {"items": {"type": "array", "items": _ref(item)}, "nextPageToken": _TEXT}
    return {"type": "object", "properties": properties, "required": ["items"]}


_ERROR: JsonSchema = {
    "type": "object",
    "properties": {"errorCode": {"enum": [str(code) for code in ErrorCode]}, "message": {"type": "string"}},
    "required": ["errorCode", "message"],
    "additionalProperties": False,
}


def _ref(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}
