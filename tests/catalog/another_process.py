"""Another process at the catalog's database, driven by lines on its standard input and output.

    another_process.py migrate HOME
    another_process.py migrate-together HOME PROCESSES ROUNDS   a fresh HOME/roundN.db in each round, by all at once
    another_process.py shares HOME PREFIX N   creates PREFIX0, PREFIX1, ... and says each name once it is acknowledged
    another_process.py revoke HOME SHARE RECIPIENT
    another_process.py lease HOME   leases, succeeds with and says queries until none is left
    another_process.py lease-and-wait HOME   leases a query until 2,000, says it, and hangs
    another_process.py submit HOME RECIPIENT_ID SHARE_ID TABLE_ID N   says `KEY QUERY` for the keys k0, k1, ...

It says `ready` and starts when it is given a line; at the end it says `done`.
"""

import asyncio
import multiprocessing
import sys
import uuid
from multiprocessing.synchronize import Barrier
from pathlib import Path

from alembic import command, config  # noqa: F401  imported before the start: the work itself is what races

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.model import Share
from lakeshare.catalog.sql import SqlAsyncQueryStore, SqlCatalogStore


def main(action: str, home: str, *arguments: str) -> None:
    engine = open_engine(f"sqlite:///{home}/lakeshare.db")
    say("ready")
    sys.stdin.readline()
    if action == "migrate":
        migrate(engine, Path(home))
    elif action == "migrate-together":
        migrate_together(Path(home), *map(int, arguments))
    elif action == "shares":
        asyncio.run(create_shares(SqlCatalogStore(engine), *arguments))
    elif action == "revoke":
        asyncio.run(SqlCatalogStore(engine).revoke(*arguments))
    elif action == "lease":
        asyncio.run(work_off(SqlAsyncQueryStore(engine)))
    elif action == "lease-and-wait":
        say(asyncio.run(SqlAsyncQueryStore(engine).lease("doomed", 1_000, 2_000)).id)
        sys.stdin.readline()
    elif action == "submit":
        asyncio.run(submit_keys(SqlAsyncQueryStore(engine), *arguments))
    say("done")


def migrate_together(home: Path, processes: int, rounds: int) -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(processes)
    children = [fork.Process(target=migrate_rounds, args=(home, barrier, rounds)) for _ in range(processes)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    if any(child.exitcode for child in children):
        sys.exit("A process failed.")


def migrate_rounds(home: Path, barrier: Barrier, rounds: int) -> None:
    for number in range(rounds):
        engine = open_engine(f"sqlite:///{home}/round{number}.db")
        barrier.wait()
        try:
            migrate(engine, home)
        except BaseException:
            barrier.abort()
            raise
        engine.dispose()


async def create_shares(store: SqlCatalogStore, prefix: str, count: str) -> None:
    for number in range(int(count)):
        await store.create_share(Share(str(uuid.uuid4()), f"{prefix}{number}", "x" * 2_000, number))
        say(f"{prefix}{number}")


async def work_off(store: SqlAsyncQueryStore) -> None:
    worker = str(uuid.uuid4())
    while query := await store.lease(worker, 1_000, 2_000):
        assert await store.succeed(query.id, worker, 1_500)
        say(query.id)


async def submit_keys(store: SqlAsyncQueryStore, recipient_id: str, share_id: str, table_id: str, count: str) -> None:
    for number in range(int(count)):
        own = AsyncQuery(
            id=str(uuid.uuid4()),
            recipient_id=recipient_id,
            share_id=share_id,
            table_id=table_id,
            idempotency_key=f"k{number}",
            request_hash="",
            request="{}",
            capabilities="{}",
            version=0,
            scope_hash="",
            created_at=number,
        )
        kept = await store.submit(own, finished_before=0, pending=1_000_000, kept=1_000_000)
        say(f"k{number} {kept.id}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the protocol of this script


main(*sys.argv[1:])
