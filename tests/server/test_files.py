"""The local file server, asked as a client would that writes its requests by hand."""

import asyncio
import json
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from starlette.applications import Starlette

from lakeshare.catalog.model import Table
from lakeshare.governance.keys import Keyring
from lakeshare.operations.services import Services
from lakeshare.server.files import CHUNK_BYTES
from lakeshare.storage.base import SigningWindow
from listening import listening, open_stream

DATA = bytes(range(256)) * 16
PART = "region=EMEA/part-0.parquet"


def until(expires_at: int) -> SigningWindow:
    return SigningWindow(expires_at - 900, expires_at, expires_at - 600)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> tuple[int, str]:
        return self.status, json.loads(self.body)["errorCode"]


@dataclass
class FileServer:
    """The application, a table of two roots that is registered in it, and a secret that lies beside them."""

    app: Starlette
    table: Table
    root: Path
    also: Path
    secret: Path

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    def url(self, key: str = PART, *, seconds: int = 900) -> str:
        """The path and query of a signed URL."""
        [url] = self.services.url_signer(self.table, until(self.services.clock() // 1000 + seconds))([key])
        return url.removeprefix(self.services.public_url)

    async def ask(self, target: str, method: str = "GET", gone_after: int | None = None, **headers: str) -> Answer:
        """Send one request as a server would hand it over; the client leaves after `gone_after` chunks."""
        raw_path, _, query = target.partition("?")
        sent: list[dict] = []
        left = asyncio.Event()
        requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict:
            if (request := next(requests, None)) is None:
                await left.wait()
                return {"type": "http.disconnect"}
            return request

        async def send(message: dict) -> None:
            sent.append(message)
            if gone_after is not None and len(sent) > gone_after:
                left.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
        }
        await self.app(scope, receive, send)
        received = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], received, b"".join(message["body"] for message in sent[1:]))


@pytest.fixture
async def server(provider, tmp_path: Path) -> FileServer:
    root, also = tmp_path / "lake" / "sales", tmp_path / "lake" / "shared"
    (root / PART).parent.mkdir(parents=True)
    (root / PART).write_bytes(DATA)
    also.mkdir()
    (also / "clone.parquet").write_bytes(b"cloned")
    secret = tmp_path / "lake" / "secret.txt"
    secret.write_text("secret")
    table = Table(str(uuid.uuid4()), "acme", "retail", "sales", f"file://{root}", (f"file://{also}",), "delta", 0)
    async with provider.admin() as services:
        await services.catalog.create_table(table)
    return FileServer(provider.app, table, root, also, secret)


def with_services(server: FileServer, **changes) -> None:
    """Change what the running application works with."""
    server.app.state.services = replace(server.services, **changes)


# What a signed URL gives


async def test_a_signed_url_gives_the_file_as_an_object_store_would(server: FileServer):
    answer = await server.ask(server.url())
    status = (server.root / PART).stat()
    assert (answer.status, answer.body) == (200, DATA)
    assert answer.headers == {
        "content-length": str(len(DATA)),
        "content-type": "application/octet-stream",
        "accept-ranges": "bytes",
        "etag": f'"{status.st_mtime_ns:x}-{len(DATA):x}-{status.st_ino:x}"',
        "last-modified": formatdate(status.st_mtime, usegmt=True),
        "cache-control": "private, no-cache",
        "x-content-type-options": "nosniff",
    }


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
async def test_head_has_the_headers_of_get_and_no_body(server: FileServer, size: int):
    (server.root / PART).write_bytes(data := os.urandom(size))
    got, head = await server.ask(server.url()), await server.ask(server.url(), "HEAD", range="bytes=0-0")
    assert (got.status, got.body) == (200, data)
    assert (head.status, head.headers, head.body) == (200, got.headers, b"")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(first=st.integers(0, 5000) | st.none(), last=st.integers(0, 5000) | st.none())
async def test_a_range_gives_those_bytes_and_no_others(server: FileServer, first: int | None, last: int | None):
    asked = f"{'' if first is None else first}-{'' if last is None else last}"
    answer = await server.ask(server.url(), range=f"bytes={asked}")
    suffix = DATA[-last:] if last else b""
    expected = suffix if first is None else DATA[first : None if last is None else last + 1]
    if asked == "-" or (first is not None and last is not None and first > last):
        assert (answer.status, answer.body) == (200, DATA)
        assert "content-range" not in answer.headers
    elif expected:
        start = len(DATA) - len(expected) if first is None else first
        assert (answer.status, answer.body) == (206, expected)
        assert answer.headers["content-range"] == f"bytes {start}-{start + len(expected) - 1}/{len(DATA)}"
        assert answer.headers["content-length"] == str(len(expected))
    else:
        assert (answer.status, answer.body) == (416, b"")
        assert answer.headers["content-range"] == f"bytes */{len(DATA)}"


async def test_a_range_across_chunks_is_exact(server: FileServer):
    (server.root / PART).write_bytes(data := os.urandom(3 * CHUNK_BYTES))
    answer = await server.ask(server.url(), range=f"bytes=5-{2 * CHUNK_BYTES + 6}")
    assert answer.body == data[5 : 2 * CHUNK_BYTES + 7]


async def test_a_file_that_the_client_has_is_not_sent_again(server: FileServer):
    etag = (await server.ask(server.url())).headers["etag"]
    answer = await server.ask(server.url(), if_none_match=etag)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
    assert "content-length" not in answer.headers


async def test_a_file_that_was_replaced_has_another_etag(server: FileServer):
    etag = (await server.ask(server.url())).headers["etag"]
    (server.root / "next").write_bytes(bytes(len(DATA)))
    os.utime(server.root / "next", ns=((server.root / PART).stat().st_mtime_ns,) * 2)
    (server.root / "next").rename(server.root / PART)
    answer = await server.ask(server.url(), range="bytes=0-9", if_range=etag)
    assert (answer.status, answer.body) == (200, bytes(len(DATA)))
    assert (await server.ask(server.url(), if_match=etag)).status == 412


@pytest.mark.parametrize(
    "name", ["Lac Léman", "100%", "a%20b", "%2e%2e", "q?x#y", "new\nline\n", "a+b&c=d;e", "..a", "\U0001f600", "x:y@z"]
)
async def test_any_name_that_a_file_can_have_is_served(server: FileServer, name: str):
    (server.root / name).mkdir()
    (server.root / name / name).write_bytes(name.encode())
    answer = await server.ask(server.url(f"{name}/{name}"))
    assert (answer.status, answer.body) == (200, name.encode())


async def test_a_file_under_an_additional_root_is_served(server: FileServer):
    answer = await server.ask(server.url(f"file://{server.also}/clone.parquet"))
    assert (answer.status, answer.body) == (200, b"cloned")


async def test_a_client_may_escape_more_than_it_must(server: FileServer):
    path, _, query = server.url().partition("?")
    escaped = path.replace(PART, quote(PART, safe="").replace("p", "%70"))
    assert (await server.ask(f"{escaped}?{query}&added=1")).body == DATA


# What a URL must be


def tampered(url: str, table_id: str) -> dict[str, str]:
    """The URL with one thing changed in each."""
    path, _, query = url.partition("?")
    parameters = dict(pair.split("=") for pair in query.split("&"))
    signature, expires = parameters["X-Amz-Signature"], parameters["X-Amz-Expires"]
    return {
        "no query": path,
        "no signature": url.replace(f"&X-Amz-Signature={signature}", ""),
        "empty signature": url.replace(signature, ""),
        "cut signature": url[:-1],
        "longer signature": url + "0",
        "signature with one other digit": url[:-1] + ("0" if url[-1] != "0" else "1"),
        "signature in capitals": url.replace(signature, signature.upper() + "Z"),
        "signature beyond ASCII": url.replace(signature, "%C3%A9"),
        "two signatures": f"{url}&X-Amz-Signature={signature}",
        "later expiry": url.replace(expires, str(int(expires) + 1)),
        "expiry with a zero before it": url.replace(expires, "0" + expires),
        "expiry that is no number": url.replace(expires, "never"),
        "expiry in other digits": url.replace(expires, quote("٣")),
        "huge expiry": url.replace(expires, "9" * 5000),
        "two expiries": f"{url}&X-Amz-Expires={int(expires) + 1}",
        "other key": url.replace(parameters["X-Amz-Credential"], "00000000"),
        "no key": url.replace(f"X-Amz-Credential={parameters['X-Amz-Credential']}", "x=y"),
        "other root": url.replace("/0/", "/1/"),
        "negative root": url.replace("/0/", "/-1/"),
        "root with a zero before it": url.replace("/0/", "/00/"),
        "root that is no number": url.replace("/0/", "/x/"),
        "other table": url.replace(table_id, str(uuid.uuid4())),
        "table in capitals": url.replace(table_id, table_id.upper() + "0"),
        "table that is no id": url.replace(table_id, ".."),
        "table beyond ASCII": url.replace(table_id, "%C3%A9"),
        "other file": url.replace("part-0", "part-1"),
        "doubled slash": url.replace("EMEA/", "EMEA//"),
        "slash before": url.replace("/0/", "/0//"),
        "slash behind": url.replace(".parquet", ".parquet/"),
        "dot segment": url.replace("EMEA/", "EMEA/./"),
        "way out and back": url.replace("/0/", "/0/../sales/"),
        "encoded way out": url.replace("/0/", "/0/%2e%2e%2f"),
        "encoded twice": url.replace("region", "%2572egion"),
        "NUL": url.replace(".parquet", ".parquet%00"),
        "invalid UTF-8": url.replace("region", "region%FF"),
        "nothing but the prefix": f"/files/?{query}",
        "no path": f"/files/{table_id}/0?{query}",
    }


async def test_a_url_that_was_changed_anywhere_opens_nothing(server: FileServer):
    url = server.url()
    assert (await server.ask(url)).status == 200
    bodies = set()
    for change, target in tampered(url, server.table.id).items():
        for method in ("GET", "HEAD"):
            answer = await server.ask(target, method)
            assert answer.error == (403, "PERMISSION_DENIED"), change
            bodies.add(answer.body)
    assert len(bodies) == 1


async def test_a_url_of_another_server_opens_nothing(server: FileServer):
    url = server.url()
    with_services(server, keyring=Keyring(bytes(32)))
    assert (await server.ask(url)).error == (403, "PERMISSION_DENIED")


async def test_a_url_works_until_the_second_of_its_expiry(server: FileServer):
    start = server.services.clock() // 1000 * 1000
    with_services(server, clock=lambda: start)
    url = server.url(seconds=0)
    with_services(server, clock=lambda: start - 1)
    assert (await server.ask(url)).status == 200
    with_services(server, clock=lambda: start)
    expired = await server.ask(url)
    assert expired.error == (403, "PERMISSION_DENIED")
    assert "expired" in json.loads(expired.body)["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_files_are_only_read(server: FileServer, method: str):
    answer = await server.ask(server.url(), method)
    assert answer.error == (405, "METHOD_NOT_ALLOWED")
    assert (server.root / PART).read_bytes() == DATA


# What even a signed URL does not open: a log may name anything


async def assert_absent(server: FileServer, key: str) -> None:
    answer = await server.ask(server.url(key))
    assert answer.error == (404, "RESOURCE_DOES_NOT_EXIST"), key
    assert str(server.root.parent) not in answer.body.decode()
    assert "secret" not in answer.body.decode()


@pytest.mark.parametrize("key", ["absent", PART + "/x", "region=EMEA", ".", "x" * 300, "a\x00b", PART + "\x00"])
async def test_what_is_no_file_is_absent(server: FileServer, key: str):
    await assert_absent(server, key)


async def test_a_key_that_leads_out_is_absent(server: FileServer):
    for key in (
        "../secret.txt",
        "region=EMEA/../../secret.txt",
        str(server.secret),
        f"/{server.secret}",
        "/etc/passwd",
    ):
        await assert_absent(server, key)


async def test_a_symlink_that_leads_out_is_absent(server: FileServer):
    (server.root / "file").symlink_to(server.secret)
    (server.root / "directory").symlink_to(server.secret.parent)
    (server.root / "inside").symlink_to(PART)
    await assert_absent(server, "file")
    await assert_absent(server, "directory/secret.txt")
    assert (await server.ask(server.url("inside"))).body == DATA


async def test_a_file_that_becomes_a_symlink_after_it_was_signed_is_absent(server: FileServer):
    url = server.url()
    (server.root / PART).unlink()
    (server.root / PART).symlink_to(server.secret)
    assert (await server.ask(url)).error == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_one_root_does_not_open_another(server: FileServer):
    (server.root / "across").symlink_to(server.also / "clone.parquet")
    await assert_absent(server, "across")


async def test_a_fifo_is_absent_and_hangs_nothing(server: FileServer):
    os.mkfifo(server.root / "fifo")
    async with asyncio.timeout(10):
        await assert_absent(server, "fifo")


async def test_a_table_that_was_deleted_serves_no_more(server: FileServer, provider):
    url = server.url()
    async with provider.admin() as services:
        await services.catalog.delete_table("acme.retail.sales")
    async with asyncio.timeout(10):
        while (answer := await server.ask(url)).status == 200:  # noqa: ASYNC110  the cache tells nobody
            await asyncio.sleep(0.01)
    assert answer.error == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_a_root_that_the_table_no_longer_has_is_absent(server: FileServer):
    more = replace(server.table, also=(*server.table.also, f"file://{server.root.parent}"))
    [url] = server.services.url_signer(more, until(server.services.clock() // 1000 + 60))([f"file://{server.secret}"])
    answer = await server.ask(url.removeprefix(server.services.public_url))
    assert answer.error == (404, "RESOURCE_DOES_NOT_EXIST")


async def test_a_table_outside_of_the_directories_that_may_be_shared_is_absent(server: FileServer):
    with_services(server, local_roots=(f"file://{server.root}",))
    assert (await server.ask(server.url())).status == 200
    with_services(server, local_roots=(f"file://{server.also}", f"file://{server.root}-2"))
    await assert_absent(server, PART)
    with_services(server, local_roots=())
    await assert_absent(server, PART)


async def test_a_root_that_was_swapped_for_a_symlink_leaves_the_directories_that_may_be_shared(server: FileServer):
    with_services(server, local_roots=(f"file://{server.root.parent / 'sales'}", f"file://{server.also}"))
    server.root.rename(server.root.with_name("moved"))
    server.root.symlink_to(server.secret.parent)
    await assert_absent(server, "secret.txt")


# What happens while a file is sent


async def test_a_client_that_leaves_is_sent_no_more_and_the_file_is_closed(server: FileServer):
    with (server.root / PART).open("wb") as file:
        file.truncate(200 * CHUNK_BYTES)
    before = open_descriptors()
    answer = await server.ask(server.url(), gone_after=3)
    assert 3 * CHUNK_BYTES <= len(answer.body) <= 10 * CHUNK_BYTES
    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_file_comes_whole_over_a_real_socket(server: FileServer):
    (server.root / PART).write_bytes(data := os.urandom(5 * CHUNK_BYTES + 7))
    async with listening(server.app) as port:
        reader, writer, head = await open_stream(port, f"GET {server.url()}")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert f"content-length: {len(data)}\r\n".encode() in head
        assert await reader.read() == data
        writer.close()
        reader, writer, head = await open_stream(port, f"HEAD {server.url()}")
        assert f"content-length: {len(data)}\r\n".encode() in head
        assert await reader.read() == b""
        writer.close()


async def test_a_real_server_passes_paths_on_as_they_were_sent(server: FileServer):
    url = server.url("../secret.txt")
    async with listening(server.app) as port:
        for target, status in [
            (url, b"404"),
            (url.replace("../", "%2e%2e%2f"), b"404"),
            (url.replace("/0/../", "/0/%252e%252e/"), b"403"),
            (server.url().replace("/0/", "/0//"), b"403"),
            (server.url().replace("/files/", "//files/"), b"404"),
            (f"http://testserver{server.url()}", b"200"),
        ]:
            _, writer, head = await open_stream(port, f"GET {target}")
            assert head.split()[1] == status, target
            writer.close()


def shrink(path: Path) -> None:
    os.truncate(path, 1)


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize("change", [shrink, touch])
async def test_a_file_that_changes_while_it_is_sent_breaks_the_connection(server: FileServer, change, caplog):
    size = 64 * CHUNK_BYTES
    with (server.root / PART).open("wb") as file:
        file.truncate(size)
    async with listening(server.app) as port:
        reader, writer, head = await open_stream(port, f"GET {server.url()}")
        assert f"content-length: {size}\r\n".encode() in head
        change(server.root / PART)
        received = bytearray()
        with suppress(ConnectionError):
            while part := await reader.read(CHUNK_BYTES):
                received += part
        writer.close()
    assert len(received) < size
    assert not any(received)
    assert "changed while it was being sent" in caplog.text
