"""Asynchronous queries: submitted, run by workers, polled. No server runs: each test says who works when."""

import asyncio
import json
import random
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import polars as pl
import pytest
from deltalake import DeltaTable

from lakeshare.bootstrap import local_services
from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import InvalidValue, NotFound, ResourceExhausted, Unavailable, UnsupportedTableFeature
from lakeshare.governance.tokens import token_hash
from lakeshare.operations.activate_recipient import mint_profile
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.answers import as_is
from lakeshare.operations.async_queries import StatusAnswer
from lakeshare.operations.authorize import TableName
from lakeshare.operations.create_recipient import create_recipient
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.poll_query import poll_query
from lakeshare.operations.query_table import query_table
from lakeshare.operations.remove_from_share import remove_from_share
from lakeshare.operations.revoke_share import revoke_share
from lakeshare.operations.run_queries import LEASE_MS, MOST_ATTEMPTS, run_query
from lakeshare.operations.services import Caller, Services
from lakeshare.operations.submit_query import MOST_BYTES, MOST_PENDING, runs_later, submit_query
from lakeshare.protocol.capabilities import Capabilities, parse_capabilities
from lakeshare.protocol.requests import PollRequest, QueryRequest
from lakeshare.server.ndjson import whole_lines
from lakeshare.settings import Settings

ADMIN, CLIENT = Caller("admin"), Caller("partner")
ORDERS, CUSTOMERS = TableName("sales", "retail", "orders"), TableName("sales", "retail", "customers")
ASYNC = parse_capabilities("responseformat=parquet;asyncquery=true")
HOUR = 3_600_000


@dataclass
class World:
    """A provider whose share `sales` holds `retail.orders` (five files, five versions) and `retail.customers`."""

    services: Services
    lake: Path
    home: Path

    async def recipient(self, name: str) -> str:
        """Its bearer token."""
        invited = await create_recipient(self.services, ADMIN, name)
        await grant_share(self.services, ADMIN, "sales", name)
        return (await mint_profile(self.services, ADMIN, invited.recipient, invited.token)).bearer_token

    async def access(self, token: str) -> RecipientAccess:
        """What the token opens now, whatever was known of it before."""
        access = await self.services.catalog.access(token_hash(token))
        assert access is not None
        return access

    def later(self, ms: int) -> None:
        clock = self.services.clock
        self.services = replace(self.services, clock=lambda: clock() + ms)

    async def share(self, table: str, **options) -> None:
        await create_table(self.services, ADMIN, f"acme.{table}", str(self.lake / table.split(".")[1]), [])
        await add_to_share(self.services, ADMIN, "sales", f"acme.{table}", **options)


class Client:
    """A recipient, as the operations see it."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token

    async def submit(self, request: QueryRequest | None = None, name=ORDERS, capabilities=ASYNC) -> str:
        """The query's id."""
        answer = await self.submitted(request, name, capabilities)
        return status_of(answer)["queryId"]

    async def submitted(self, request: QueryRequest | None = None, name=ORDERS, capabilities=ASYNC) -> StatusAnswer:
        access = await self._world.access(self._token)
        return await submit_query(self._world.services, CLIENT, access, name, request or QueryRequest(), capabilities)

    async def poll(self, query_id: str, page: PollRequest | None = None, name=ORDERS, capabilities=ASYNC):
        access = await self._world.access(self._token)
        return await poll_query(
            self._world.services, CLIENT, access, name, query_id, page or PollRequest(), capabilities
        )

    async def result(self, query_id: str, page: PollRequest | None = None, capabilities=ASYNC) -> list[dict]:
        return lines_of(await self.poll(query_id, page, capabilities=capabilities))

    async def sync(self, request: QueryRequest | None = None, capabilities=ASYNC) -> list[dict]:
        access = await self._world.access(self._token)
        services = self._world.services
        return lines_of(await query_table(services, CLIENT, access, ORDERS, request or QueryRequest(), capabilities))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    lake = tmp_path / "lake"
    for start in range(0, 50, 10):
        write_orders(lake, start)
    pl.DataFrame({"customer_id": [1, 2, 3]}).write_delta(lake / "customers")
    settings = Settings(home=tmp_path / "home", secret_key=bytes(32))
    settings.home.mkdir()
    async with local_services(settings) as services:
        world = World(services, lake, settings.home)
        await create_share(services, ADMIN, "sales")
        await world.share("retail.orders", history=True)
        await world.share("retail.customers")
        yield world


@pytest.fixture
async def client(world: World) -> Client:
    return Client(world, await world.recipient("partner"))


def write_orders(lake: Path, start: int) -> None:
    pl.DataFrame({"order_id": range(start, start + 10)}).write_delta(lake / "orders", mode="append")


async def work(world: World, worker: str = "w") -> int:
    """Run all that waits; how many queries were run."""
    ran = 0
    while await run_query(world.services, worker):
        ran += 1
    return ran


def status_of(answer: StatusAnswer) -> dict:
    (line,) = answer.body.splitlines()
    document = json.loads(line)
    assert list(document) == ["queryStatus"]
    return document["queryStatus"]


def lines_of(answer) -> list[dict]:
    return [json.loads(line) for line in b"".join(whole_lines(answer.chunks(as_is))).splitlines()]


def without_urls(lines: list[dict]) -> list[dict]:
    """The lines less what is signed anew each time."""
    kept = [line for line in lines if "endStreamAction" not in line]
    for line in kept:
        (action,) = line.values()
        action.pop("url", None)
        action.pop("expirationTimestamp", None)
    return kept


def events(world: World) -> list[dict]:
    return [json.loads(line) for line in (world.home / "audit" / "admin.jsonl").read_text().splitlines()]


async def test_a_query_is_pending_until_a_worker_ran_it(world, client):
    answer = await client.submitted()
    status = status_of(answer)
    assert (status["status"], answer.version) == ("pending", 4)
    pending = await client.poll(status["queryId"])
    assert (status_of(pending), pending.version) == (status, 4)
    assert await work(world) == 1
    assert without_urls(await client.result(status["queryId"])) == without_urls(await client.sync())


async def test_the_answer_ends_with_an_end_stream_action_that_was_not_asked_for(world, client):
    query_id = await client.submit()
    await work(world)
    end = (await client.result(query_id))[-1]["endStreamAction"]
    assert end["minUrlExpirationTimestamp"] > world.services.clock()
    assert "nextPageToken" not in end


async def test_the_answer_is_of_the_version_that_was_the_newest_at_submission(world, client):
    query_id = await client.submit()
    before = await client.sync()
    write_orders(world.lake, 100)
    await work(world)
    answer = await client.poll(query_id)
    assert answer.version == 4
    assert without_urls(lines_of(answer)) == without_urls(before)
    assert len(await client.sync()) == len(before) + 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
async def test_its_pages_are_the_unpaged_answer(world, client, size):
    request = QueryRequest(predicate_hints=["order_id >= 10"], include_refresh_token=True)
    query_id = await client.submit(request)
    await work(world)
    pages = [await client.result(query_id, PollRequest(max_files=size))]
    while token := pages[-1][-1]["endStreamAction"].get("nextPageToken"):
        write_orders(world.lake, 100)
        pages.append(await client.result(query_id, PollRequest(max_files=size, page_token=token)))
    assert all(page[:2] == pages[0][:2] for page in pages)
    files = [line for page in pages for line in without_urls(page)[2:]]
    assert files == without_urls(await client.result(query_id))[2:]
    assert len(files) == 4
    assert ["refreshToken" in page[-1]["endStreamAction"] for page in pages] == [True] + [False] * (len(pages) - 1)


async def test_a_page_token_of_one_query_serves_no_other(world, client):
    first, second = await client.submit(), await client.submit(QueryRequest(predicate_hints=["order_id >= 10"]))
    await work(world)
    token = (await client.result(first, PollRequest(max_files=1)))[-1]["endStreamAction"]["nextPageToken"]
    with pytest.raises(InvalidValue, match="pageToken"):
        await client.poll(second, PollRequest(max_files=1, page_token=token))


async def test_a_page_size_of_the_submission_holds_unless_the_poll_has_its_own(world, client):
    query_id = await client.submit(QueryRequest(max_files=2))
    await work(world)
    assert len(await client.result(query_id)) == 2 + 2 + 1
    assert len(await client.result(query_id, PollRequest(max_files=3))) == 2 + 3 + 1


@pytest.mark.parametrize(
    "request_",
    [
        QueryRequest(version=2),
        QueryRequest(limit_hint=15),
        QueryRequest(predicate_hints=["order_id < 10"]),
        QueryRequest(starting_version=1),
        QueryRequest(starting_version=1, ending_version=3),
        QueryRequest(starting_timestamp="2020-01-01T00:00:00Z"),
    ],
    ids=["version", "limit", "predicate", "stream", "bounded stream", "stream by time"],
)
async def test_every_kind_of_query_gives_what_it_gives_at_once(world, client, request_):
    query_id = await client.submit(request_)
    at_once = await client.sync(request_)
    world.later(5_000)
    write_orders(world.lake, 100)
    await work(world)
    assert without_urls(await client.result(query_id)) == without_urls(at_once)


async def test_a_streams_pages_are_the_unpaged_answer(world, client):
    query_id = await client.submit(QueryRequest(starting_version=0))
    await work(world)
    whole = without_urls(await client.result(query_id))
    pages = [await client.result(query_id, PollRequest(max_files=2))]
    while token := pages[-1][-1]["endStreamAction"].get("nextPageToken"):
        pages.append(await client.result(query_id, PollRequest(max_files=2, page_token=token)))
    assert [line for page in pages for line in without_urls(page)[2:]] == whole[2:]
    assert len(pages) == 3


async def test_delta_format_is_what_the_submission_or_the_poll_asked_for(world, client):
    delta = parse_capabilities("responseformat=delta;asyncquery=true")
    query_id = await client.submit(capabilities=delta)
    await work(world)
    for understood, expected in ((delta, "delta"), (Capabilities(), "delta")):
        assert (await client.poll(query_id, capabilities=understood)).response_format == expected
    plain = await client.submit(capabilities=parse_capabilities("asyncquery=true"))
    await work(world)
    for understood, expected in ((delta, "delta"), (Capabilities(), "parquet")):
        assert (await client.poll(plain, capabilities=understood)).response_format == expected


# Submission


async def test_a_retry_with_its_key_gets_the_same_query(world, client):
    request = QueryRequest(predicate_hints=["order_id < 10"], idempotency_key="k" * 5000 + "\x00é")
    first = await client.submit(request)
    write_orders(world.lake, 100)
    assert await client.submit(request) == first
    await work(world)
    assert await client.submit(request) == first
    assert (await client.poll(first)).version == 4


async def test_both_spellings_of_the_key_are_one(client):
    keys = [b'{"idempotencyKey": "k"}', b'{"idempotency_key": "k"}']
    requests = [msgspec.json.decode(body, type=QueryRequest) for body in keys]
    assert len({await client.submit(request) for request in requests}) == 1


async def test_without_a_key_every_submission_is_a_new_query(client):
    assert len({await client.submit(QueryRequest(idempotency_key=key)) for key in (None, None, "", "")}) == 4


async def test_a_key_with_another_query_is_refused(client):
    await client.submit(QueryRequest(idempotency_key="k"))
    for request in (QueryRequest(idempotency_key="k", limit_hint=1), QueryRequest(idempotency_key="k", version=1)):
        with pytest.raises(InvalidValue, match="idempotencyKey"):
            await client.submit(request)
    with pytest.raises(InvalidValue, match="idempotencyKey"):
        await client.submit(
            QueryRequest(idempotency_key="k"), capabilities=parse_capabilities("responseformat=delta;asyncquery=true")
        )


async def test_a_key_is_the_recipients_and_the_tables_own(world, client):
    other = Client(world, await world.recipient("other"))
    request = QueryRequest(idempotency_key="k")
    mine, theirs = await client.submit(request), await other.submit(request)
    assert len({mine, theirs, await client.submit(request, CUSTOMERS)}) == 3


async def test_submissions_at_once_with_one_key_are_one_query(world, client):
    request = QueryRequest(idempotency_key="k")
    assert len(set(await asyncio.gather(*(client.submit(request) for _ in range(20))))) == 1
    assert await work(world) == 1


async def test_a_key_is_free_again_when_its_query_is_over(world, client):
    request = QueryRequest(idempotency_key="k")
    first = await client.submit(request)
    await work(world)
    world.later(HOUR - 1000)
    assert await client.submit(request) == first
    world.later(1000)
    again = await client.submit(request)
    assert again != first
    assert status_of(await client.poll(again))["status"] == "pending"


async def test_a_recipient_with_too_many_pending_queries_is_told_to_wait(world, client):
    for _ in range(MOST_PENDING):
        await client.submit()
    with pytest.raises(ResourceExhausted, match="pending"):
        await client.submit()
    other = Client(world, await world.recipient("other"))
    await other.submit()
    await run_query(world.services, "w")
    await client.submit()


@pytest.mark.parametrize(
    ("table", "request_", "words"),
    [
        (CUSTOMERS, QueryRequest(version=0), "history"),
        (CUSTOMERS, QueryRequest(starting_version=0), "history"),
        (ORDERS, QueryRequest(starting_version=9), "newest version"),
        (ORDERS, QueryRequest(timestamp="yesterday"), "timestamp"),
        (ORDERS, QueryRequest(refresh_token="mine"), "refreshToken"),
    ],
)
async def test_what_can_be_refused_at_once_is_never_submitted(world, client, table, request_, words):
    with pytest.raises(InvalidValue, match=words):
        await client.submit(request_, table)
    assert await work(world) == 0


async def test_a_table_that_is_not_shared_takes_no_query(client):
    with pytest.raises(NotFound):
        await client.submit(name=TableName("sales", "retail", "nothing"))


async def test_a_format_that_the_newest_version_cannot_have_is_refused_at_once(world, client):
    enable_deletion_vectors(world.lake / "orders")
    with pytest.raises(UnsupportedTableFeature, match="deletionVectors"):
        await client.submit()


def test_a_query_runs_later_only_where_the_client_would_wait_for_it():
    assert runs_later(QueryRequest(), ASYNC)
    assert not runs_later(QueryRequest(), Capabilities())
    assert not runs_later(QueryRequest(page_token="t"), ASYNC)
    assert runs_later(QueryRequest(page_token=""), ASYNC)
    assert not runs_later(QueryRequest(starting_version=0), ASYNC)
    assert runs_later(QueryRequest(starting_version=0, idempotency_key="k"), ASYNC)
    assert runs_later(QueryRequest(predicate_hints=["x" * (MOST_BYTES // 2)]), ASYNC)
    assert not runs_later(QueryRequest(predicate_hints=["x" * MOST_BYTES]), ASYNC)


# Who may poll, and how long


async def test_everything_but_ones_own_query_of_the_table_is_the_same_not_found(world, client):
    own = await client.submit()
    other = Client(world, await world.recipient("other"))
    theirs = await other.submit()
    refusals = []
    for state in ("pending", "succeeded"):
        for query_id, name in ((theirs, ORDERS), (own, CUSTOMERS), ("no-such-query", ORDERS), (own.upper(), ORDERS)):
            with pytest.raises(NotFound) as caught:
                await client.poll(query_id, name=name)
            refusals.append(str(caught.value).replace(query_id, "ID"))
        if state == "pending":
            await work(world)
    assert len(refusals) == 8
    assert len(set(refusals)) == 1


async def test_each_poll_is_authorized_anew(world, client):
    query_id = await client.submit()
    await work(world)
    assert await client.result(query_id)
    await revoke_share(world.services, ADMIN, "sales", "partner")
    with pytest.raises(NotFound):
        await client.poll(query_id)
    await grant_share(world.services, ADMIN, "sales", "partner")
    assert await client.result(query_id)


@pytest.mark.parametrize("options", [{}, {"history": True, "start_version": 1}])
async def test_a_query_ends_with_the_read_scope_that_it_was_made_under(world, client, options):
    ready, waiting = await client.submit(), None
    await work(world)
    waiting = await client.submit()
    await remove_from_share(world.services, ADMIN, "sales", "retail.orders")
    await add_to_share(world.services, ADMIN, "sales", "acme.retail.orders", **options)
    assert await work(world) == 1
    for query_id in (ready, waiting):
        with pytest.raises(NotFound):
            await client.poll(query_id)


async def test_a_finished_query_lives_an_hour(world, client):
    query_id = await client.submit()
    world.later(24 * HOUR)
    await work(world)
    world.later(HOUR - 1000)
    assert await client.result(query_id)
    world.later(1000)
    with pytest.raises(NotFound, match="expired"):
        await client.poll(query_id)


async def test_what_is_over_leaves_the_database(world, client):
    query_id = await client.submit()
    await work(world)
    world.later(HOUR)
    assert await world.services.queries.find(query_id) is not None
    world.later(1000)
    await work(world)
    assert await world.services.queries.find(query_id) is None


# Running


async def test_a_restart_loses_no_query_and_its_page_tokens(world, client, tmp_path):
    waiting = await client.submit()
    ready = await client.submit()
    await run_query(world.services, "w")
    done = waiting if (await world.services.queries.find(waiting)).state == "succeeded" else ready
    token = (await client.result(done, PollRequest(max_files=2)))[-1]["endStreamAction"]["nextPageToken"]
    async with local_services(Settings(home=world.home, secret_key=bytes(32))) as services:
        world.services = services
        assert await work(world) == 1
        for query_id in (waiting, ready):
            assert len(await client.result(query_id)) == 2 + 5 + 1
        assert len(await client.result(done, PollRequest(page_token=token))) == 2 + 3 + 1


async def test_a_query_whose_worker_vanished_is_taken_over(world, client):
    query_id = await client.submit()
    now = world.services.clock()
    assert await world.services.queries.lease("vanished", now, now + LEASE_MS) is not None
    assert await work(world) == 0
    assert status_of(await client.poll(query_id))["status"] == "pending"
    world.later(LEASE_MS)
    assert await work(world) == 1
    assert await client.result(query_id)


async def test_a_query_that_takes_worker_after_worker_with_it_fails_in_the_end(world, client):
    query_id = await client.submit()
    for _ in range(MOST_ATTEMPTS):
        now = world.services.clock()
        assert await world.services.queries.lease("vanished", now, now + LEASE_MS) is not None
        world.later(LEASE_MS)
    await work(world)
    assert_failed(await client.poll(query_id), "TEMPORARILY_UNAVAILABLE", "never came to an end")


async def test_a_version_that_is_gone_fails_the_query(world, client):
    query_id = await client.submit(QueryRequest(version=1))
    DeltaTable(world.lake / "orders").create_checkpoint()
    for version in range(3):
        (world.lake / "orders" / "_delta_log" / f"{version:020}.json").unlink()
    async with local_services(Settings(home=world.home, secret_key=bytes(32))) as services:
        world.services = services
        await work(world)
        assert_failed(await client.poll(query_id), "INVALID_PARAMETER_VALUE", "1")


async def test_a_broken_table_fails_the_query_without_a_path(world, client):
    query_id = await client.submit()
    (world.lake / "orders" / "_delta_log" / f"{1:020}.json").write_text("{ broken")
    async with local_services(Settings(home=world.home, secret_key=bytes(32))) as services:
        world.services = services
        await work(world)
        message = assert_failed(await client.poll(query_id), "TABLE_UNREADABLE", "sales.retail.orders")
        assert str(world.lake) not in message
        assert events(world)[-1]["response"]["error_message"] == message


async def test_a_table_whose_files_vanished_fails_the_query(world, client):
    query_id = await client.submit()
    shutil.rmtree(world.lake / "orders")
    async with local_services(Settings(home=world.home, secret_key=bytes(32))) as services:
        world.services = services
        await work(world)
        assert_failed(await client.poll(query_id), "TABLE_UNREADABLE", "")


async def test_a_retry_of_a_failed_submission_learns_of_the_failure(world, client):
    request = QueryRequest(version=1, idempotency_key="k")
    query_id = await client.submit(request)
    now = world.services.clock()
    await world.services.queries.lease("w", now, now + LEASE_MS)
    await world.services.queries.fail(query_id, "w", now, "TABLE_UNREADABLE", "It is broken.")
    answer = await client.submitted(request)
    assert assert_failed(answer, "TABLE_UNREADABLE", "") == "It is broken."


async def test_a_worker_that_is_stopped_hands_its_query_on_at_once(world, client):
    """Wherever it stops: before the lease, in it, while the query runs, and at its end."""
    chance = random.Random(3)
    handed_on = 0
    for number in range(30):
        query_id = await client.submit()
        running = asyncio.create_task(run_query(world.services, f"stopped{number}"))
        await asyncio.sleep(chance.uniform(0, 0.02))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        handed_on += await work(world)
        assert len(await client.result(query_id)) == 2 + 5 + 1
    assert handed_on > 0


async def test_storage_that_does_not_answer_puts_a_query_off_and_then_fails_it(world, client):
    query_id = await client.submit()
    world.services = replace(world.services, tables=TablesThatRaise(Unavailable("Storage is down.", detail="secret")))
    for attempt in range(1, MOST_ATTEMPTS):
        assert await work(world) == 1
        assert status_of(await client.poll(query_id))["status"] == "pending"
        world.later(1000 * 2**attempt)
    await work(world)
    assert assert_failed(await client.poll(query_id), "TEMPORARILY_UNAVAILABLE", "") == "Storage is down."


async def test_storage_that_answers_again_lets_the_query_succeed(world, client):
    query_id = await client.submit()
    working = world.services.tables
    world.services = replace(world.services, tables=TablesThatRaise(Unavailable("Storage is down.")))
    assert await work(world) == 1
    world.services = replace(world.services, tables=working)
    assert await work(world) == 0
    world.later(60_000)
    assert await work(world) == 1
    assert await client.result(query_id)


async def test_what_nobody_expected_fails_the_query_and_tells_no_internals(world, client, capsys):
    query_id = await client.submit()
    world.services = replace(world.services, tables=TablesThatRaise(RuntimeError("internals")))
    await work(world)
    message = assert_failed(await client.poll(query_id), "INTERNAL_ERROR", query_id)
    assert "internals" not in message
    assert "internals" in capsys.readouterr().out


class TablesThatRaise:
    """Tables whose storage gives nothing but one error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def snapshot_at(self, *_):
        raise self._error


async def test_workers_in_several_processes_run_everything_though_some_are_killed(world, client):
    query_ids = [await client.submit() for _ in range(60)]
    chance = random.Random(5)
    for _ in range(3):
        with worker_process(world.home) as doomed:
            assert doomed.stdout.readline() == b"running\n"
            await asyncio.sleep(chance.uniform(0.05, 0.4))
            doomed.kill()
    world.later(LEASE_MS)
    workers = [f"w{number}" for number in range(4)]
    await asyncio.gather(*(work(world, worker) for worker in workers))
    for query_id in query_ids:
        query = await world.services.queries.find(query_id)
        assert query.state == "succeeded", query
        assert len(await client.result(query_id)) == 2 + 5 + 1


@contextmanager
def worker_process(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(home)], stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


WORKER = """
import asyncio, pathlib, sys
from lakeshare.bootstrap import local_services
from lakeshare.operations.run_queries import run_query
from lakeshare.settings import Settings

async def main():
    async with local_services(Settings(home=pathlib.Path(sys.argv[1]), secret_key=bytes(32))) as services:
        print("running", flush=True)
        while True:
            await run_query(services, "doomed")

asyncio.run(main())
"""


# The audit


async def test_submissions_polls_and_answers_are_audited_with_the_querys_id(world, client):
    query_id = await client.submit()
    await client.poll(query_id)
    await work(world)
    await client.result(query_id)
    submitted, polled, answered = events(world)[-3:]
    assert [event["action_name"] for event in (submitted, polled, answered)] == [
        "deltaSharingSubmittedQuery",
        "deltaSharingPolledQuery",
        "deltaSharingQueriedTable",
    ]
    for event in (submitted, polled, answered):
        assert event["request_params"]["query_id"] == query_id
        assert event["request_params"]["table_full_name"] == "acme.retail.orders"
        assert event["response"]["result"]["tableVersion"] == 4
    assert polled["response"]["result"]["state"] == "pending"


def assert_failed(answer: StatusAnswer, code: str, words: str) -> str:
    """Its message. A failure has no table version: Spark's connector would go on to poll."""
    status = status_of(answer)
    assert (status["status"], status["errorCode"], answer.version) == ("failed", code, None)
    assert words in status["errorMessage"]
    return status["errorMessage"]


def enable_deletion_vectors(table: Path) -> None:
    """Commit the feature, and one file with a deletion vector."""
    log = table / "_delta_log"
    newest = max(int(path.stem) for path in log.glob("*.json"))
    adds = [json.loads(line) for line in (log / f"{newest:020}.json").read_text().splitlines()]
    add = next(line["add"] for line in adds if "add" in line)
    vector = {
        "storageType": "u",
        "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^",
        "offset": 4,
        "sizeInBytes": 40,
        "cardinality": 6,
    }
    features = ["deletionVectors"]
    lines = [
        {
            "protocol": {
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": features,
                "writerFeatures": features,
            }
        },
        {"remove": {"path": add["path"], "dataChange": True, "deletionTimestamp": 1}},
        {"add": add | {"deletionVector": vector}},
    ]
    (log / f"{newest + 1:020}.json").write_text("\n".join(map(json.dumps, lines)))
