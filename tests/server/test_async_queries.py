"""Asynchronous queries, as a raw HTTP client sees them, while the server's own workers run them."""

import asyncio
import json
from dataclasses import asdict, replace
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy import insert

from lakeshare.bootstrap import open_database, server_app
from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.schema import async_queries
from lakeshare.operations.submit_query import MOST_PENDING
from lakeshare.server.sharing import PREFIX
from provider import Provider

TABLE = f"{PREFIX}/shares/sales/schemas/retail/tables/orders"
LATER = {"delta-sharing-capabilities": "responseformat=parquet;asyncquery=true"}


async def submit(provider: Provider, headers: dict[str, str], body: object = None) -> httpx.Response:
    return await provider.client.post(f"{TABLE}/query", json=body or {}, headers=headers | LATER)


def query_id_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    (line,) = answer.text.splitlines()
    status = json.loads(line)["queryStatus"]
    assert status["status"] == "pending"
    return status["queryId"]


async def result(provider: Provider, headers: dict[str, str], query_id: str, body: object = None) -> httpx.Response:
    """Poll as Spark's connector does: until the first line is no status."""
    async with asyncio.timeout(30):
        while True:
            path = f"{TABLE}/queries/{query_id}"
            answer = await provider.client.post(path, json={"queryId": query_id} | (body or {}), headers=headers)
            assert answer.status_code == 200, answer.text
            if "queryStatus" not in json.loads(answer.text.splitlines()[0]):
                return answer
            assert query_id_of(answer) == query_id
            assert answer.headers["delta-table-version"]
            await asyncio.sleep(0.02)


async def test_a_query_is_submitted_polled_and_read(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    submitted = await submit(sales, headers, {"idempotency_key": "k", "includeRefreshToken": True})
    assert submitted.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert submitted.headers["delta-sharing-capabilities"] == "asyncquery=true"
    assert submitted.headers["delta-table-version"] == "1"
    answer = await result(sales, headers | LATER, query_id_of(submitted))
    assert answer.headers["delta-sharing-capabilities"] == "responseformat=parquet"
    assert answer.headers["delta-table-version"] == "1"
    assert answer.headers["content-type"] == "application/x-ndjson; charset=utf-8"
    protocol, metadata, *files, end = [json.loads(line) for line in answer.text.splitlines()]
    assert (list(protocol), list(metadata), len(files)) == (["protocol"], ["metaData"], 4)
    assert end["endStreamAction"]["refreshToken"]
    for file in files:
        url = urlsplit(file["file"]["url"])
        assert (await sales.client.get(f"{url.path}?{url.query}")).content[:4] == b"PAR1"


async def test_pages_are_polled_with_their_token(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales")) | LATER
    query_id = query_id_of(await submit(sales, headers, {"maxFiles": 1}))
    body, files = {"maxFiles": 3}, []
    while True:
        answer = await result(sales, headers, query_id, body)
        *lines, end = [json.loads(line) for line in answer.text.splitlines()]
        files.append([line["file"]["id"] for line in lines[2:]])
        if "nextPageToken" not in end["endStreamAction"]:
            break
        body["pageToken"] = end["endStreamAction"]["nextPageToken"]
    assert [len(page) for page in files] == [3, 1]
    assert len({file for page in files for file in page}) == 4


async def test_the_file_id_scheme_of_the_submission_holds_for_polls_that_name_none(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales")) | LATER
    submitted = await submit(sales, headers | {"fileidhash": "Delta"})
    assert submitted.headers["fileidhash"] == "delta"
    without = await result(sales, headers, query_id_of(submitted))
    named = await result(sales, headers | {"fileidhash": "delta"}, query_id_of(submitted))
    assert named.headers["fileidhash"] == "delta"
    assert ids(without) == ids(named)


async def test_a_page_of_an_answer_that_came_at_once_comes_at_once(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    first = await sales.client.post(f"{TABLE}/query", json={"maxFiles": 3}, headers=headers)
    token = json.loads(first.text.splitlines()[-1])["endStreamAction"]["nextPageToken"]
    second = await submit(sales, headers, {"maxFiles": 3, "pageToken": token})
    assert len(set(ids(first) + ids(second))) == 4


async def test_a_failed_query_says_so_and_names_no_version(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    submitted = await sales.served.queries.find(query_id_of(await submit(sales, headers)))
    failure = {"error_code": "TABLE_UNREADABLE", "error_message": "The log is broken."}
    failed = replace(submitted, id="broken", state="failed", finished_at=sales.served.clock(), **failure)
    write(sales, [failed])
    answer = await sales.client.post(f"{TABLE}/queries/broken", json={}, headers=headers)
    assert answer.status_code == 200
    assert "delta-table-version" not in answer.headers
    assert json.loads(answer.text) == {
        "queryStatus": {
            "queryId": "broken",
            "status": "failed",
            "errorCode": "TABLE_UNREADABLE",
            "errorMessage": "The log is broken.",
        }
    }


async def test_unknown_queries_are_not_found_and_refusals_are_audited(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    for query_id in ("nothing", "%00", "é" * 300, "a%20b"):
        answer = await sales.client.post(f"{TABLE}/queries/{query_id}", headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")
        event = sales.events()[-1]
        assert (event.action_name, event.response.status_code) == ("deltaSharingPolledQuery", 404)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "MALFORMED_REQUEST"),
        (b"[]", "MALFORMED_REQUEST"),
        (b'{"maxFiles": "many"}', "MALFORMED_REQUEST"),
        (b'{"maxFiles": 0}', "INVALID_PARAMETER_VALUE"),
        (b'{"pageToken": "mine"}', "INVALID_PARAMETER_VALUE"),
    ],
)
async def test_a_poll_that_makes_no_sense_is_refused(sales: Provider, bearer, polled, body: bytes, code: str):
    headers = bearer(await sales.recipient("partner", "sales"))
    query_id = query_id_of(await submit(sales, headers))
    await polled(lambda: is_finished(sales, query_id), 30)
    answer = await sales.client.post(f"{TABLE}/queries/{query_id}", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)


async def test_too_many_pending_queries_are_429(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    first = await sales.served.queries.find(query_id_of(await submit(sales, headers)))
    waiting = [replace(first, id=str(number), state="pending", finished_at=None) for number in range(MOST_PENDING)]
    write(sales, waiting, lease_until=2**62)
    answer = await submit(sales, headers)
    assert (answer.status_code, answer.json()["errorCode"]) == (429, "RESOURCE_EXHAUSTED")


async def test_queries_survive_a_restart_of_the_server(sales: Provider, bearer):
    headers = bearer(await sales.recipient("partner", "sales"))
    query_ids = [query_id_of(await submit(sales, headers)) for _ in range(5)]
    again = server_app(sales.settings, "http://testserver")
    async with (
        again.router.lifespan_context(again),
        httpx.AsyncClient(transport=httpx.ASGITransport(again), base_url="http://testserver") as client,
    ):
        sales.client = client
        for query_id in query_ids:
            assert len(ids(await result(sales, headers, query_id))) == 4


def ids(answer: httpx.Response) -> list[str]:
    lines = [json.loads(line) for line in answer.text.splitlines()]
    return [line["file"]["id"] for line in lines if "file" in line]


async def is_finished(provider: Provider, query_id: str) -> bool:
    query = await provider.served.queries.find(query_id)
    return query is not None and query.state != "pending"


def write(provider: Provider, queries: list[AsyncQuery], **lease) -> None:
    """Put the queries into the database as they are."""
    engine = open_database(provider.settings)
    with engine.begin() as connection:
        connection.execute(insert(async_queries), [asdict(query) | lease for query in queries])
    engine.dispose()
