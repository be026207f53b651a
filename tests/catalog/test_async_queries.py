"""Every method of `AsyncQueryStore`, over every database that is served."""

import asyncio
import uuid
from collections import Counter
from dataclasses import replace

import pytest

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.sql import SqlAsyncQueryStore
from lakeshare.errors import NotFound, ResourceExhausted

LIMITS = {"finished_before": 0, "pending": 100, "kept": 1_000}
HOUR = 3_600_000


@pytest.fixture
def queries(engine) -> SqlAsyncQueryStore:
    return SqlAsyncQueryStore(engine)


@pytest.fixture
async def asked(store, make) -> AsyncQuery:
    """A query of `partner_co` that is not submitted yet."""
    table, share, recipient = make.table("acme.retail.orders"), make.share("sales"), make.recipient("partner_co")
    await store.create_table(table)
    await store.create_share(share)
    await store.add_to_share(make.shared(share, table))
    await store.create_recipient(recipient, make.token(recipient))
    return AsyncQuery(
        id="q",
        recipient_id=recipient.id,
        share_id=share.id,
        table_id=table.id,
        idempotency_key=None,
        request_hash="hash",
        request="{}",
        capabilities="{}",
        version=7,
        scope_hash="scope",
        created_at=100,
    )


def copies(query: AsyncQuery, count: int) -> list[AsyncQuery]:
    return [replace(query, id=f"{query.id}{number}", created_at=query.created_at + number) for number in range(count)]


async def test_a_query_is_kept_as_it_was_submitted(queries, asked):
    keyed = replace(asked, id="k", idempotency_key="ключ")
    for query in (asked, keyed):
        assert await queries.submit(query, **LIMITS) == query
        assert await queries.find(query.id) == query
    assert await queries.submitted(keyed.recipient_id, keyed.share_id, keyed.table_id, "ключ") == keyed
    assert await queries.find("K") is None


async def test_queries_do_not_move_the_catalogs_revision(store, queries, asked):
    before = await store.revision()
    await queries.submit(asked, **LIMITS)
    await queries.lease("w", 200, 300)
    await queries.succeed("q", "w", 250)
    await queries.forget(1_000)
    assert await store.revision() == before


async def test_a_key_gives_the_query_that_it_was_first_used_for(queries, asked):
    first = await queries.submit(replace(asked, idempotency_key="k"), **LIMITS)
    assert await queries.submit(replace(asked, id="q2", idempotency_key="k", request_hash="other"), **LIMITS) == first
    assert await queries.find("q2") is None


async def test_without_a_key_every_query_is_new(queries, asked):
    for query in copies(asked, 3):
        assert await queries.submit(query, **LIMITS) == query


async def test_a_key_is_one_recipients_for_one_shared_table(store, make, queries, asked):
    other = make.recipient("other")
    await store.create_recipient(other, make.token(other))
    table, share = make.table("acme.retail.customers"), make.share("marketing")
    await store.create_table(table)
    await store.create_share(share)
    first = replace(asked, idempotency_key="k")
    others = [{"recipient_id": other.id}, {"table_id": table.id}, {"share_id": share.id}]
    for query in [first, *(replace(first, id=str(number), **change) for number, change in enumerate(others))]:
        assert await queries.submit(query, **LIMITS) == query


async def test_of_submissions_that_race_for_a_key_one_is_kept(queries, asked, database_url):
    engines = [open_engine(database_url) for _ in range(4)]
    stores = [SqlAsyncQueryStore(engine) for engine in engines]
    for round_ in range(10):
        same = [replace(query, idempotency_key=f"k{round_}") for query in copies(replace(asked, id=f"r{round_}-"), 12)]
        kept = await asyncio.gather(*(stores[number % 4].submit(query, **LIMITS) for number, query in enumerate(same)))
        assert len({query.id for query in kept}) == 1
    for engine in engines:
        engine.dispose()


async def test_a_recipient_has_so_many_pending_and_so_many_in_all(store, make, queries, asked):
    limits = LIMITS | {"pending": 2, "kept": 3}
    first, second, third, fourth = copies(asked, 4)
    await queries.submit(first, **limits)
    await queries.submit(second, **limits)
    with pytest.raises(ResourceExhausted, match="2 asynchronous queries that are pending"):
        await queries.submit(third, **limits)
    await finish(queries, 2)
    await queries.submit(third, **limits)
    with pytest.raises(ResourceExhausted, match="3 asynchronous queries within the last hour"):
        await queries.submit(fourth, **limits)
    other = make.recipient("other")
    await store.create_recipient(other, make.token(other))
    await queries.submit(replace(fourth, recipient_id=other.id), **limits)


async def test_a_key_that_is_known_is_answered_however_many_there_are(queries, asked):
    keyed = replace(asked, idempotency_key="k")
    await queries.submit(keyed, **LIMITS)
    assert await queries.submit(replace(keyed, id="again"), finished_before=0, pending=0, kept=0) == keyed


async def test_a_submission_makes_room_by_forgetting_what_is_over(queries, asked):
    keyed = replace(asked, idempotency_key="k")
    await queries.submit(keyed, **LIMITS)
    await finish(queries, 1, at=500)
    again = replace(keyed, id="again")
    assert await queries.submit(again, finished_before=500, pending=1, kept=1) == await queries.find(keyed.id)
    assert await queries.submit(again, finished_before=501, pending=1, kept=1) == again
    assert await queries.find(keyed.id) is None


@pytest.mark.parametrize("gone", ["recipient_id", "share_id", "table_id"])
async def test_a_query_of_what_has_just_gone_is_refused(queries, asked, gone):
    for key in (None, "k"):
        with pytest.raises(NotFound):
            await queries.submit(replace(asked, idempotency_key=key, **{gone: "gone"}), **LIMITS)


async def test_queries_go_with_their_recipient(store, queries, asked):
    await queries.submit(asked, **LIMITS)
    await store.delete_recipient("partner_co")
    assert await queries.find("q") is None


async def test_queries_go_with_their_share_and_their_table(store, queries, asked):
    await queries.submit(asked, **LIMITS)
    await store.delete_share("sales")
    await store.delete_table("acme.retail.orders")
    assert await queries.find("q") is None


async def test_the_query_that_waits_longest_is_leased_first(queries, asked):
    for query in reversed(copies(asked, 3)):
        await queries.submit(query, **LIMITS)
    leased = [await queries.lease("w", 200, 300) for _ in range(4)]
    assert [query and query.id for query in leased] == ["q0", "q1", "q2", None]
    assert [query.attempts for query in leased if query] == [1, 1, 1]


async def test_a_query_that_was_begun_before_lets_others_go_first(queries, asked):
    for query in copies(asked, 2):
        await queries.submit(query, **LIMITS)
    await queries.lease("w", 200, 300)
    assert (await queries.lease("w2", 300, 400)).id == "q1"
    assert (await queries.lease("w3", 300, 400)).id == "q0"


async def test_a_lease_holds_until_its_time(queries, asked):
    await queries.submit(asked, **LIMITS)
    await queries.lease("w", 200, 300)
    assert await queries.lease("w2", 299, 400) is None
    taken = await queries.lease("w2", 300, 400)
    assert (taken.id, taken.attempts) == ("q", 2)


async def test_a_lease_can_be_extended_by_its_worker_alone(queries, asked):
    await queries.submit(asked, **LIMITS)
    await queries.lease("w", 200, 300)
    assert not await queries.extend_lease("q", "w2", 900)
    assert await queries.extend_lease("q", "w", 500)
    assert await queries.lease("w2", 499, 900) is None
    assert await queries.lease("w2", 500, 900) is not None
    assert not await queries.extend_lease("q", "w", 2_000)


async def test_a_worker_that_lost_its_lease_changes_nothing(queries, asked):
    await queries.submit(asked, **LIMITS)
    await queries.lease("w", 200, 300)
    await queries.lease("w2", 300, 400)
    assert not await queries.succeed("q", "w", 350)
    assert not await queries.fail("q", "w", 350, "CODE", "words")
    assert not await queries.give_back("q", "w", 0)
    assert await queries.find("q") == replace(asked, attempts=2)
    assert await queries.succeed("q", "w2", 350)


async def test_a_query_that_was_given_back_waits_for_its_time(queries, asked):
    await queries.submit(asked, **LIMITS)
    await queries.lease("w", 200, 300)
    assert await queries.give_back("q", "w", 250)
    assert await queries.lease("w2", 249, 400) is None
    assert (await queries.lease("w2", 250, 400)).id == "q"


async def test_a_finished_query_says_how_it_ended_and_is_leased_no_more(queries, asked):
    for query in copies(asked, 2):
        await queries.submit(query, **LIMITS)
        await queries.lease("w", 200, 300)
    assert await queries.succeed("q0", "w", 250)
    assert await queries.fail("q1", "w", 260, "TABLE_UNREADABLE", "It is broken.")
    succeeded, failed = await queries.find("q0"), await queries.find("q1")
    assert (succeeded.state, succeeded.finished_at, succeeded.error_code) == ("succeeded", 250, None)
    assert (failed.state, failed.finished_at) == ("failed", 260)
    assert (failed.error_code, failed.error_message) == ("TABLE_UNREADABLE", "It is broken.")
    assert await queries.lease("w2", 10_000, 20_000) is None
    assert not await queries.fail("q0", "w", 270, "CODE", "words")


async def test_finished_queries_are_forgotten_and_pending_ones_never(queries, asked):
    for query in copies(asked, 3):
        await queries.submit(query, **LIMITS)
    await finish(queries, 1, at=500)
    await finish(queries, 1, at=600)
    assert await queries.forget(500) == 0
    assert await queries.forget(501) == 1
    assert await queries.forget(10 * HOUR) == 1
    assert await queries.find("q2") is not None


async def test_workers_in_several_processes_lease_each_query_once(queries, asked, another_process):
    for query in copies(asked, 120):
        await queries.submit(query, finished_before=0, pending=1_000, kept=1_000)
    workers = [another_process("lease") for _ in range(4)]
    for worker in workers:
        worker.wait_until_ready()
    for worker in workers:
        worker.go()
    finished = Counter(line for worker in workers for line in worker.finish() if line != "done")
    assert finished == {f"q{number}": 1 for number in range(120)}
    for number in range(120):
        query = await queries.find(f"q{number}")
        assert (query.state, query.attempts) == ("succeeded", 1)


async def test_submissions_in_several_processes_agree_on_each_keys_query(queries, asked, another_process):
    submitters = [another_process("submit", asked.recipient_id, asked.share_id, asked.table_id, "30") for _ in range(3)]
    for process in submitters:
        process.wait_until_ready()
    for process in submitters:
        process.go()
    answers = {line for process in submitters for line in process.finish() if line != "done"}
    assert len(answers) == 30
    for answer in answers:
        key, query_id = answer.split()
        assert (await queries.find(query_id)).idempotency_key == key


async def test_the_query_of_a_killed_worker_is_taken_over_when_its_lease_ends(queries, asked, another_process):
    await queries.submit(asked, **LIMITS)
    worker = another_process("lease-and-wait")
    worker.wait_until_ready()
    worker.go()
    assert worker.read_line() == "q"
    worker.kill()
    assert await queries.lease("w2", 1_999, 3_000) is None
    taken = await queries.lease("w2", 2_000, 3_000)
    assert (taken.id, taken.attempts) == ("q", 2)
    assert await queries.succeed("q", "w2", 2_500)


async def test_an_acknowledged_query_outlives_the_process_that_took_it(queries, asked, another_process):
    process = another_process("submit", asked.recipient_id, asked.share_id, asked.table_id, "1000000")
    process.wait_until_ready()
    process.go()
    acknowledged = [process.read_line() for _ in range(20)] + process.kill()
    for line in acknowledged:
        key, query_id = line.split()
        assert (await queries.find(query_id)).idempotency_key == key


async def finish(queries: SqlAsyncQueryStore, count: int, at: int = 300) -> None:
    for _ in range(count):
        query = await queries.lease(worker := str(uuid.uuid4()), 200, 300)
        assert await queries.succeed(query.id, worker, at)
