"""Runs what was submitted: a worker leases a query and makes sure that it can be answered.

The answer itself is made anew for every poll, with fresh URLs. What a run leaves behind is its outcome, in the
database, and the version that it loaded, in this process's memory.
"""

import asyncio
from contextlib import suppress

import structlog

from lakeshare.catalog.async_queries import AsyncQuery
from lakeshare.errors import LakeshareError, NotFound, Unavailable
from lakeshare.governance.scope import scope_hash
from lakeshare.operations.async_queries import KEPT_MS, stored_capabilities, stored_request
from lakeshare.operations.authorize import read_scope
from lakeshare.operations.query_snapshot import prepare_snapshot
from lakeshare.operations.query_stream import prepare_stream
from lakeshare.operations.read_table import AuthorizedTable
from lakeshare.operations.services import Services
from lakeshare.protocol.error_codes import ErrorCode, code_of

LEASE_MS = 30_000
"""How long a worker that was killed, or cannot reach the database, holds up a query."""

MOST_ATTEMPTS = 6
"""How often a query is begun: more than storage's bad minutes need, and few enough for one that kills its worker."""

log = structlog.get_logger(__name__)


async def run_query(services: Services, worker: str) -> bool:
    """Run the query whose turn it is. False where there is none; then those whose hour has passed are forgotten.

    `worker` names this loop, unlike any other. Raises Unavailable where the database does not answer; a query that was
    begun is then taken up again when its lease ends.
    """
    query = await _lease(services, worker)
    if query is None:
        await services.queries.forget(services.clock() - KEPT_MS)
        return False
    extending = asyncio.create_task(_keep_lease(services, worker, query))
    try:
        await _run(services, worker, query)
    except asyncio.CancelledError:  # the server stops: the query is the next worker's at once
        await services.queries.give_back(query.id, worker, services.clock())
        raise
    finally:
        extending.cancel()
        with suppress(asyncio.CancelledError):
            await extending
    return True


async def _lease(services: Services, worker: str) -> AsyncQuery | None:
    """The next query. A lease that this worker is stopped in the middle of is ended, not left to expire."""
    now = services.clock()
    leasing = asyncio.create_task(services.queries.lease(worker, now, now + LEASE_MS))
    try:
        return await asyncio.shield(leasing)
    except asyncio.CancelledError:
        query = await leasing
        if query is not None:
            await services.queries.give_back(query.id, worker, services.clock())
        raise


async def _keep_lease(services: Services, worker: str, query: AsyncQuery) -> None:
    held = True
    while held:
        await asyncio.sleep(LEASE_MS / 3000)
        with suppress(Unavailable):  # there is time for another try
            held = await services.queries.extend_lease(query.id, worker, services.clock() + LEASE_MS)


async def _run(services: Services, worker: str, query: AsyncQuery) -> None:
    """Try the query, and write down how that went."""
    try:
        await _try(services, query)
    except Unavailable as error:
        if query.attempts < MOST_ATTEMPTS:
            log.warning("asynchronous query is put off", query_id=query.id, message=error.message, detail=error.detail)
            await services.queries.give_back(query.id, worker, services.clock() + 1000 * 2**query.attempts)
        else:
            await _fail(services, worker, query, error)
    except LakeshareError as error:
        await _fail(services, worker, query, error)
    except Exception:  # whatever it is, the recipient must not wait for ever
        log.exception("unexpected error in an asynchronous query", query_id=query.id)
        message = f"Something went wrong on the server. The provider finds it in the log as query {query.id}."
        await services.queries.fail(query.id, worker, services.clock(), ErrorCode.INTERNAL_ERROR, message)
    else:
        await services.queries.succeed(query.id, worker, services.clock())


async def _fail(services: Services, worker: str, query: AsyncQuery, error: LakeshareError) -> None:
    if error.detail:
        log.warning("asynchronous query failed", query_id=query.id, message=error.message, detail=error.detail)
    await services.queries.fail(query.id, worker, services.clock(), code_of(error), str(error))


async def _try(services: Services, query: AsyncQuery) -> None:
    """Everything that answering a poll does, but to sign. Raises as a query does."""
    if query.attempts > MOST_ATTEMPTS:
        raise Unavailable("The query was begun several times, and never came to an end.", hint="Submit it again.")
    table = await _shared_table(services, query)
    request, capabilities = stored_request(query), stored_capabilities(query)
    if request.is_stream:
        await prepare_stream(services, table, request, capabilities)
    else:
        await prepare_snapshot(services, table, request, capabilities, query.version)


async def _shared_table(services: Services, query: AsyncQuery) -> AuthorizedTable:
    """The table as it is shared now, if that is still the read scope that the query was submitted under."""
    shared = await services.catalog.shared_table(query.share_id, query.table_id)
    table = AuthorizedTable(shared, read_scope(shared), {})
    if scope_hash(table.scope) != query.scope_hash:
        raise NotFound("The table is not shared as it was any more.")
    return table
