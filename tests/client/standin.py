"""A stand-in for a sharing server and its object store, made for these tests: it answers what the protocol describes.

It holds tables that `deltalake` reads, or lines that a test wrote by hand, and serves files with Range as a store does.
`Standin.requests` is what the client sent; `Standin.failures` holds answers to give before the real ones.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import msgspec
from deltalake import DeltaTable

from lakeshare.protocol.profile import Profile

TOKEN = "standin-token"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # close the connection before the promised end


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Standin:
    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.shares: dict[str, dict[str, list[str]]] = {}
        self.answers: dict[str, Answer] = {}  # by "share.schema.table": the body of /query
        self.files: dict[str, Path] = {}  # by decoded URL path
        self.failures: list[Answer] = []  # given to sharing requests first
        self.file_failures: list[Answer] = []  # given to file requests first
        self.requests: list[Request] = []
        self.page_size = 500

    @property
    def profile(self) -> Profile:
        return Profile(1, f"{self.origin}/delta-sharing/", TOKEN)

    def sent(self, ending: str) -> list[Request]:
        return [request for request in self.requests if request.path.endswith(ending)]

    def add_table(self, name: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        share, schema, table = name.split(".")
        self.shares.setdefault(share, {}).setdefault(schema, []).append(table)
        self.answers[name.lower()] = Answer(200, body, {"delta-table-version": "7", **(headers or {})})

    def add_file(self, path: Path, at: str) -> str:
        """Serve a file at the URL path `at` (decoded); its presigned URL."""
        self.files[at] = path
        return f"{self.origin}{quote(at)}?X-Amz-Signature=a1b2&X-Amz-Expires=900"

    def add_delta_table(self, name: str, root: Path) -> None:
        """Share the newest version of a Delta table, as parquet format."""
        table = DeltaTable(root)
        metadata = table.metadata()
        actions = table.get_add_actions()
        lines: list[dict[str, Any]] = [
            {"protocol": {"minReaderVersion": 1}},
            {
                "metaData": {
                    "id": str(metadata.id),
                    "format": {"provider": "parquet"},
                    "schemaString": table.schema().to_json(),
                    "partitionColumns": metadata.partition_columns,
                    "configuration": metadata.configuration,
                }
            },
        ]
        for number, add in enumerate(actions.to_struct_array().to_pylist()):
            raw = raw_add(root, add["path"])
            at = f"/files/{name}/{raw['path']}"
            url = self.add_file(root / unquote(raw["path"]), unquote(at))
            file = {"url": url, "id": str(number), "size": raw["size"], "partitionValues": raw["partitionValues"]}
            lines.append({"file": file | ({"stats": raw["stats"]} if raw.get("stats") else {})})
        self.add_table(name, ndjson(lines))


def raw_add(root: Path, path: str) -> dict[str, Any]:
    """The add action of a path, as JSON commits have it (deltalake hides the raw partition values)."""
    for commit in sorted((root / "_delta_log").glob("*.json"), reverse=True):
        for line in commit.read_bytes().splitlines():
            add = json.loads(line).get("add")
            if add and path in (add["path"], unquote(add["path"])):
                return add
    raise AssertionError(f"{path} is in no JSON commit of {root}")


def ndjson(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)


@contextmanager
def running() -> Iterator[Standin]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.standin = Standin(server.server_address[1])  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.standin  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class names it
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        standin: Standin = self.server.standin  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        request = Request(
            self.command,
            path,
            {key: values[0] for key, values in parse_qs(parts.query).items()},
            {key.lower(): value for key, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("content-length", 0))),
        )
        standin.requests.append(request)
        sharing = path.startswith("/delta-sharing/")
        failures = standin.failures if sharing else standin.file_failures
        answer = failures.pop(0) if failures else _sharing(standin, request) if sharing else _file(standin, request)
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(answer.body) + (100 if answer.cut else 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.close_connection = answer.cut


def error(status: int, code: str, message: str) -> Answer:
    return Answer(status, json.dumps({"errorCode": code, "message": message}).encode())


def _sharing(standin: Standin, request: Request) -> Answer:
    if request.headers.get("authorization") != f"Bearer {TOKEN}":
        return error(401, "UNAUTHENTICATED", "The token is unknown.")
    path = request.path.removeprefix("/delta-sharing").lower()
    if found := re.fullmatch("/shares/([^/]+)/schemas/([^/]+)/tables/([^/]+)/(version|metadata|query)", path):
        return _table(standin, ".".join(found.groups()[:3]), found[4])
    items: list[dict[str, str]] | None = None
    if path == "/shares":
        items = [{"name": share, "id": f"id-{share}"} for share in standin.shares]
    elif (found := re.fullmatch("/shares/([^/]+)/(schemas|all-tables)", path)) and found[1] in standin.shares:
        share = found[1]
        if found[2] == "schemas":
            items = [{"name": name, "share": share} for name in standin.shares[share]]
        else:
            items = [table for schema in standin.shares[share] for table in _tables(standin, share, schema)]
    elif found := re.fullmatch("/shares/([^/]+)/schemas/([^/]+)/tables", path):
        items = _tables(standin, found[1], found[2])
    return (
        error(404, "RESOURCE_DOES_NOT_EXIST", "There is nothing here.")
        if items is None
        else _page(standin, request, items)
    )


def _table(standin: Standin, name: str, kind: str) -> Answer:
    answer = standin.answers.get(name)
    if answer is None:
        return error(404, "RESOURCE_DOES_NOT_EXIST", f"There is no table '{name}', or it is not shared with you.")
    if kind == "query":
        return answer
    head = b"".join(answer.body.splitlines(keepends=True)[:2]) if kind == "metadata" else b""
    return Answer(200, head, {"delta-table-version": answer.headers["delta-table-version"]})


def _tables(standin: Standin, share: str, schema: str) -> list[dict[str, str]]:
    return [
        {"name": table, "schema": schema, "share": share, "shareId": f"id-{share}", "id": f"id-{table}"}
        for table in standin.shares[share][schema]
    ]


def _page(standin: Standin, request: Request, items: list[dict[str, str]]) -> Answer:
    start = int(request.query.get("pageToken", "0"))
    end = start + standin.page_size
    token = {"nextPageToken": str(end)} if end < len(items) else {}
    return Answer(200, json.dumps({"items": items[start:end], **token}).encode())


def _file(standin: Standin, request: Request) -> Answer:
    path = standin.files.get(request.path)
    if path is None or request.query.get("X-Amz-Signature") != "a1b2":
        return Answer(403, b"<Error><Code>AccessDenied</Code></Error>")
    size = path.stat().st_size
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", request.headers.get("range", ""))
    if not asked:
        return Answer(200, path.read_bytes(), {"accept-ranges": "bytes"})
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last) + 1, size) if first and last else size
    with path.open("rb") as file:
        file.seek(start)
        return Answer(206, file.read(end - start), {"content-range": f"bytes {start}-{end - 1}/{size}"})
