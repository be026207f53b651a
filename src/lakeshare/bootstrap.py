"""Settings to a wired application: the one place that names adapters."""

import asyncio
import gc
import socket
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import structlog
import uvicorn
from sqlalchemy import Engine
from starlette.applications import Starlette

from lakeshare.audit.replay import replay
from lakeshare.audit.spool import AuditSpool
from lakeshare.catalog.access import AccessCache
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate
from lakeshare.catalog.model import Table
from lakeshare.catalog.sql import SqlAsyncQueryStore, SqlCatalogStore
from lakeshare.governance.keys import Keyring
from lakeshare.operations.bodies import Bodies
from lakeshare.operations.run_queries import run_query
from lakeshare.operations.segment_lines import SegmentLines
from lakeshare.operations.services import Services
from lakeshare.server.app import build_app
from lakeshare.server.one_write import OneWriteProtocol
from lakeshare.server.workers import STARTUP_FAILURE, run_workers
from lakeshare.settings import Settings
from lakeshare.storage.base import SigningWindow, UrlSigner
from lakeshare.storage.local_urls import PURPOSE as LOCAL_URLS, LocalUrlSigner
from lakeshare.storage.locations import parse_location
from lakeshare.tables.budget import ByteBudget
from lakeshare.tables.cache import SnapshotCache
from lakeshare.tables.disk_cache import DiskCache

CACHED_FILES = "cached files"
"""What the key that seals them is derived for."""
DEFAULT_PUBLIC_URL = "http://127.0.0.1:8000"
GRACE_SECONDS = 10
"""What a server that is told to stop gives the answers that are under way."""
REPLAY_EVERY_SECONDS = 1.0
QUERY_EVERY_SECONDS = 0.25
QUERY_LOOPS = 4  # asynchronous queries that run at a time

log = structlog.get_logger(__name__)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@asynccontextmanager
async def local_services(settings: Settings) -> AsyncIterator[Services]:
    """What the command line works with. Links use the settings' public URL, else the one that the server stored."""
    engine = open_database(settings)
    spool = AuditSpool(settings.audit_directory, "admin", fsync=settings.audit_fsync)
    try:
        services = _wire(settings, engine, spool, settings.public_url or DEFAULT_PUBLIC_URL)
        stored = None if settings.public_url else await services.catalog.public_url()
        try:
            yield replace(services, public_url=stored) if stored else services
        finally:
            services.lines.close()
    finally:
        spool.close()
        engine.dispose()


def server_app(settings: Settings, public_url: str, worker: int = 0) -> Starlette:
    """The server's application. Its lifespan opens the database, stores the public URL, and runs the audit's replay.

    `worker` names its spool file: of the workers that run at a time, each has its own.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        engine = open_database(settings)
        spool = AuditSpool(settings.audit_directory, f"worker-{worker}", fsync=settings.audit_fsync)
        services = replace(_wire(settings, engine, spool, public_url), local_roots=_local_roots(settings))
        await services.catalog.set_public_url(public_url)
        app.state.services = services
        gc.freeze()  # what is here now stays: no collection need look at it again
        loops = [
            asyncio.create_task(_replay_audit(engine, settings)),
            *(asyncio.create_task(_run_queries(app)) for _ in range(QUERY_LOOPS)),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await asyncio.to_thread(services.lines.close)
            spool.close()
            engine.dispose()

    return build_app(lifespan)


def serve(settings: Settings, host: str, port: int, workers: int = 1) -> int:
    """Serve until a signal says stop, in this process or in several `workers`; gives the exit code."""
    if workers == 1:
        server = uvicorn.Server(server_config(settings, host, port))
        server.run()
        return 0 if server.started else STARTUP_FAILURE
    settings = replace(settings, public_url=settings.public_url or f"http://{host}:{port}")
    open_database(settings).dispose()
    listening = server_config(settings, host, port).bind_socket()
    return run_workers(partial(_work, settings), workers, listening, grace_seconds=GRACE_SECONDS + 5)


def _work(settings: Settings, worker: int, listening: socket.socket) -> None:
    """One of several workers, in a process of its own."""
    host, port = listening.getsockname()[:2]
    server = uvicorn.Server(server_config(settings, host, port, worker))
    server.run([listening])
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def server_config(settings: Settings, host: str, port: int, worker: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
        server_app(settings, settings.public_url or f"http://{host}:{port}", worker),
        host=host,
        port=port,
        http=OneWriteProtocol,
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def open_database(settings: Settings) -> Engine:
    """The database, with every migration applied."""
    engine = open_engine(settings.database_url)
    migrate(engine, settings.home)
    return engine


def _wire(settings: Settings, engine: Engine, spool: AuditSpool, public_url: str) -> Services:
    catalog = SqlCatalogStore(engine)
    keyring = Keyring(settings.secret_key)
    memory = ByteBudget(settings.memory_bytes)
    disk = DiskCache(settings.cache_directory, settings.cache_bytes, keyring.active(CACHED_FILES).secret)

    def local_url_signer(table: Table, window: SigningWindow) -> UrlSigner:
        key = keyring.active(LOCAL_URLS)
        return LocalUrlSigner(
            public_url,
            root=table.location,
            also=table.also,
            table_id=table.id,
            key_id=key.id,
            secret=key.secret,
            expires_at_seconds=window.expires_at,
        )

    return Services(
        catalog=catalog,
        queries=SqlAsyncQueryStore(engine),
        access=AccessCache(catalog, now_ms, stale_grants_seconds=settings.stale_grants_seconds),
        tables=SnapshotCache(_freshness(settings), memory, disk, now_ms),
        memory=memory,
        lines=SegmentLines(disk, memory),
        bodies=Bodies(memory, settings.memory_bytes // 4),
        audit=spool,
        keyring=keyring,
        clock=now_ms,
        public_url=public_url,
        url_seconds=settings.url_seconds,
        state_home=parse_location(str(settings.home)),
        url_signer=local_url_signer,
    )


def _local_roots(settings: Settings) -> tuple[str, ...] | None:
    return None if settings.local_roots is None else tuple(parse_location(str(root)) for root in settings.local_roots)


def _freshness(settings: Settings) -> dict[str, int]:
    """How long a snapshot is believed, by scheme; schemes that are not named are remote."""
    if settings.freshness_ms is not None:
        return {"file": settings.freshness_ms, "": settings.freshness_ms}
    return {"file": 0, "": 1000}


async def _replay_audit(engine: Engine, settings: Settings) -> None:
    """Copy the spool into the database, forever. Trouble is logged and tried again: the spool keeps the events."""
    while True:
        try:
            await asyncio.to_thread(replay, engine, settings.audit_directory)
        except Exception as error:  # noqa: BLE001  a background loop outlives whatever breaks one turn
            log.warning("audit replay failed", error=str(error))
        await asyncio.sleep(REPLAY_EVERY_SECONDS)


async def _run_queries(app: Starlette) -> None:
    """Run asynchronous queries, one at a time, forever. Trouble is logged; the query is some worker's again later."""
    worker = str(uuid.uuid4())
    while True:
        ran = False
        try:
            ran = await run_query(app.state.services, worker)
        except Exception as error:  # noqa: BLE001  a background loop outlives whatever breaks one turn
            log.warning("asynchronous queries cannot be run", error=str(error))
        if not ran:
            await asyncio.sleep(QUERY_EVERY_SECONDS)
