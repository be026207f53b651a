"""Many writers, and writers that die."""

import asyncio
import random
import sqlite3

import pytest

from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.sql import SqlCatalogStore
from lakeshare.errors import AlreadyExists


@pytest.fixture
def stores(store, database_url):
    """Two stores with connections of their own, as two workers have."""
    second = open_engine(database_url)
    yield store, SqlCatalogStore(second)
    second.dispose()


async def test_of_threads_that_use_one_link_exactly_one_gets_the_token(stores, make):
    recipient = make.recipient("r")
    await stores[0].create_recipient(recipient, make.token(recipient))
    for _ in range(20):
        token = make.token(recipient)
        await stores[0].rotate_token(recipient.id, token, 1_000_000)
        hashes = [token.id.encode() + bytes([number]) for number in range(6)]
        won = await asyncio.gather(
            *(stores[i % 2].activate_token(token.id, 1, token_hash, 5) for i, token_hash in enumerate(hashes))
        )
        assert sorted(won) == [False] * 5 + [True]
        assert (await stores[0].token(token.id))[1].token_hash == hashes[won.index(True)]


async def test_of_threads_that_create_one_name_exactly_one_does(stores, make):
    for number in range(20):
        outcomes = await asyncio.gather(
            *(
                stores[i % 2].create_share(make.share(f"{spelling}{number}"))
                for i, spelling in enumerate(("ß", "SS", "ss"))
            ),
            return_exceptions=True,
        )
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AlreadyExists", "AlreadyExists", "NoneType"]
    assert len(await stores[0].shares()) == 20


async def test_threads_that_make_one_catalog_share_it(stores, make):
    tables = [make.table(f"{catalog}.s.t{number}") for number in range(10) for catalog in ("new", "NEW")]
    outcomes = await asyncio.gather(
        *(stores[i % 2].create_table(table) for i, table in enumerate(tables)), return_exceptions=True
    )
    assert sum(isinstance(outcome, AlreadyExists) for outcome in outcomes) == 10
    assert len({table.catalog for table in await stores[0].tables()}) == 1


async def test_writers_in_several_processes_lose_nothing(store, another_process):
    before = await store.revision()
    writers = [another_process("shares", f"writer{number}_", "40") for number in range(3)]
    for writer in writers:
        writer.wait_until_ready()
    for writer in writers:
        writer.go()
    acknowledged = {line for writer in writers for line in writer.finish() if line != "done"}
    assert len(acknowledged) == 120
    assert {share.name for share in await store.shares()} == acknowledged
    assert await store.revision() == before + 120


async def test_a_killed_writer_leaves_a_database_with_everything_it_acknowledged(
    engine, store, another_process, tmp_path
):
    chance = random.Random(7)
    acknowledged: set[str] = set()
    for round_ in range(4):
        writers = [another_process("shares", f"r{round_}w{number}_", "1000000") for number in range(2)]
        for writer in writers:
            writer.wait_until_ready()
        for writer in writers:
            writer.go()
        acknowledged |= {writers[0].read_line() for _ in range(chance.randint(5, 60))}
        acknowledged |= {line for writer in writers for line in writer.kill()}
        engine.dispose()
        assert acknowledged <= {share.name for share in await store.shares()}
        check = sqlite3.connect(tmp_path / "lakeshare.db")
        assert check.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        check.close()
    assert len(acknowledged) > 20
