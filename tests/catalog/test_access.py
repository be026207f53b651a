import asyncio
import time

import pytest

from lakeshare.catalog.access import AccessCache
from lakeshare.catalog.sql import SqlCatalogStore
from lakeshare.errors import Unavailable


class Clock:
    """A time in epoch milliseconds that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


class FakedOutage:
    """A real store whose database can be made unreachable (faked), and that counts what it is asked."""

    def __init__(self, store: SqlCatalogStore) -> None:
        self._store = store
        self.down = False
        self.asked: list[str] = []

    async def revision(self) -> int:
        await self._ask("revision")
        return await self._store.revision()

    async def access(self, token_hash, known=None):
        await self._ask("access")
        return await self._store.access(token_hash, known)

    async def table_by_id(self, table_id):
        await self._ask("table")
        return await self._store.table_by_id(table_id)

    async def _ask(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0)  # others get their turn, as they do with a database server
        if self.down:
            raise Unavailable("The catalog's database does not answer.", detail="faked")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def outage(store):
    return FakedOutage(store)


@pytest.fixture
def cache(outage, clock):
    return AccessCache(outage, clock)


@pytest.fixture
async def table(store, make):
    """In share `sales`, granted to recipients whose tokens hash to `a` and `b`."""
    table, share = make.table("acme.retail.orders"), make.share("sales")
    await store.create_table(table)
    await store.create_share(share)
    await store.add_to_share(make.shared(share, table))
    for name in ("a", "b"):
        recipient = make.recipient(name)
        await store.create_recipient(recipient, make.token(recipient, token_hash=name.encode(), activated_at=1))
        await store.grant("sales", name, 1)
    return table


async def shares_of(cache, token_hash=b"a"):
    return list((await cache.access(token_hash)).shares)


async def test_an_answer_comes_from_memory_while_the_revision_is_fresh(cache, outage, clock, table):
    first = await cache.access(b"a")
    outage.asked.clear()
    clock.now += 249
    assert await cache.access(b"a") is first
    assert outage.asked == []


async def test_a_revision_that_stands_still_keeps_the_answers(cache, outage, clock, table):
    first = await cache.access(b"a")
    outage.asked.clear()
    clock.now += 250
    assert await cache.access(b"a") is first
    assert outage.asked == ["revision"]


async def test_a_change_is_seen_once_the_revision_is_checked_again(cache, store, clock, table):
    assert await shares_of(cache) == ["sales"]
    await store.revoke("sales", "a")
    clock.now += 250
    assert await shares_of(cache) == []
    assert await shares_of(cache, b"b") == ["sales"]


async def test_a_token_that_is_deleted_opens_nothing(cache, store, clock, table):
    assert await shares_of(cache) == ["sales"]
    await store.delete_recipient("a")
    clock.now += 250
    assert await cache.access(b"a") is None


async def test_a_token_works_as_soon_as_it_is_activated(cache, store, make, table):
    recipient = make.recipient("c")
    token = make.token(recipient)
    await store.create_recipient(recipient, token)
    assert await cache.access(b"c") is None
    await store.activate_token(token.id, 1, b"c", 5)
    assert (await cache.access(b"c")).recipient == recipient


async def test_unknown_tokens_and_tables_leave_nothing_in_memory(cache, table):
    for number in range(50):
        assert await cache.access(str(number).encode()) is None
        assert await cache.table_roots(str(number)) is None
    assert (cache._known.access, cache._known.tables) == ({}, {})


async def test_recipients_of_one_share_hold_one_object(cache, table):
    first, second = await cache.access(b"a"), await cache.access(b"b")
    assert first.shares["sales"] is second.shares["sales"]


async def test_a_herd_checks_once_and_loads_once(cache, outage, clock, table):
    await asyncio.gather(*(cache.access(b"a") for _ in range(100)))
    assert outage.asked == ["revision", "access"]
    outage.asked.clear()
    clock.now += 250
    await asyncio.gather(*(cache.access(b"a") for _ in range(100)))
    assert outage.asked == ["revision"]


async def test_an_answer_that_was_read_before_a_change_is_not_kept_after_it(store, clock, table):
    class SlowStore(FakedOutage):
        """Hands its answer over only when it is told to."""

        read, released = asyncio.Event(), asyncio.Event()

        async def access(self, token_hash, known=None):
            found = await super().access(token_hash, known)
            self.read.set()
            await self.released.wait()
            return found

    slow = SlowStore(store)
    cache = AccessCache(slow, clock)
    reading = asyncio.create_task(cache.access(b"a"))
    await slow.read.wait()
    await store.revoke("sales", "a")
    clock.now += 250
    await cache.table_roots(table.id)  # notices the new revision
    slow.released.set()
    assert list((await reading).shares) == ["sales"]
    assert await shares_of(cache) == []


async def test_a_tables_roots_are_cached_the_same_way(cache, outage, store, clock, table):
    assert await cache.table_roots(table.id) == table
    outage.asked.clear()
    assert await cache.table_roots(table.id) == table
    assert outage.asked == []
    await store.remove_from_share("sales", "retail", "orders")
    await store.delete_table(table.full_name)
    clock.now += 250
    assert await cache.table_roots(table.id) is None


# The database is unreachable


async def test_what_is_known_is_trusted_for_a_while(cache, outage, clock, table):
    await cache.access(b"a")
    await cache.table_roots(table.id)
    outage.down = True
    clock.now += 59_999
    assert await shares_of(cache) == ["sales"]
    assert await cache.table_roots(table.id) == table


async def test_after_that_it_is_not(cache, outage, clock, table):
    await cache.access(b"a")
    await cache.table_roots(table.id)
    outage.down = True
    clock.now += 60_000
    for use in (lambda: cache.access(b"a"), lambda: cache.table_roots(table.id)):
        with pytest.raises(Unavailable) as caught:
            await use()
        assert caught.value.detail == "faked"


async def test_trust_runs_from_the_last_confirmation_and_not_from_the_first_failure(cache, outage, clock, table):
    await cache.access(b"a")
    outage.down = True
    for _ in range(3):
        clock.now += 19_999
        assert await shares_of(cache) == ["sales"]
    clock.now += 3
    with pytest.raises(Unavailable):
        await cache.access(b"a")


async def test_what_is_not_known_is_unavailable_at_once(cache, outage, clock, table):
    await cache.access(b"a")
    outage.down = True
    clock.now += 250
    for use in (lambda: cache.access(b"b"), lambda: cache.access(b"unknown"), lambda: cache.table_roots(table.id)):
        with pytest.raises(Unavailable):
            await use()


async def test_with_no_stale_seconds_nothing_is_trusted(outage, clock, table):
    cache = AccessCache(outage, clock, stale_grants_seconds=0)
    assert await shares_of(cache) == ["sales"]
    outage.down = True
    clock.now += 250
    with pytest.raises(Unavailable):
        await cache.access(b"a")


async def test_a_cache_that_never_saw_the_database_trusts_nothing(cache, outage, table):
    outage.down = True
    with pytest.raises(Unavailable):
        await cache.access(b"a")


async def test_a_clock_that_was_set_back_does_not_prolong_trust(cache, outage, clock, table):
    await cache.access(b"a")
    outage.down = True
    clock.now -= 3_600_000
    with pytest.raises(Unavailable):
        await cache.access(b"a")


async def test_a_database_that_fails_is_not_asked_by_every_request(cache, outage, clock, table):
    await cache.access(b"a")
    outage.down = True
    clock.now += 250
    outage.asked.clear()
    await asyncio.gather(*(cache.access(b"a") for _ in range(50)))
    await asyncio.gather(*(cache.access(b"b") for _ in range(50)), return_exceptions=True)
    assert outage.asked == ["revision"]


async def test_a_database_that_comes_back_is_used_again(cache, outage, store, clock, table):
    await cache.access(b"a")
    outage.down = True
    clock.now += 60_000
    with pytest.raises(Unavailable):
        await cache.access(b"a")
    await store.revoke("sales", "a")
    outage.down = False
    clock.now += 250
    assert await shares_of(cache) == []


# Nothing faked


async def test_a_database_file_that_is_moved_away_and_back(engine, store, clock, table, tmp_path):
    cache, file = AccessCache(store, clock), tmp_path / "lakeshare.db"
    await cache.access(b"a")
    engine.dispose()
    moved = file.rename(tmp_path / "moved.db")
    file.mkdir()
    clock.now += 250
    assert await shares_of(cache) == ["sales"]
    clock.now += 60_000
    with pytest.raises(Unavailable):
        await cache.access(b"a")
    file.rmdir()
    moved.rename(file)
    clock.now += 250
    assert await shares_of(cache) == ["sales"]


async def test_a_revocation_by_another_process_is_seen(store, table, another_process):
    cache = AccessCache(store, lambda: time.time_ns() // 1_000_000)
    assert await shares_of(cache) == ["sales"]
    process = another_process("revoke", "sales", "a")
    process.wait_until_ready()
    assert await shares_of(cache) == ["sales"]
    process.go()
    process.finish()
    deadline = time.monotonic() + 10  # ten times the promise
    while await shares_of(cache) and time.monotonic() < deadline:  # noqa: ASYNC110  the cache has no event to wait for
        await asyncio.sleep(0.01)
    assert await shares_of(cache) == []
    assert await shares_of(cache, b"b") == ["sales"]
