"""A query of the data files that a range of versions added and removed, as structured streaming reads a table."""

import polars as pl

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.answers import LinesAnswer
from lakeshare.operations.changed_files import ChangesQuery, answer_changes, prepare_changes
from lakeshare.operations.history_scope import VersionRange, require_history, version_range
from lakeshare.operations.read_table import AuthorizedTable
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import QueryRequest
from lakeshare.tables.base import Commit


async def query_stream(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    table: AuthorizedTable,
    request: QueryRequest,
    capabilities: Capabilities,
    *,
    always_end: bool = False,
) -> LinesAnswer:
    """Every file that changed data, version by version, with the metadata (and protocol) that came in between.

    `always_end` ends the answer with an EndStreamAction although the request does not ask for one. Raises
    InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable.
    """
    query = _stream_of(table, request, always_end=always_end)
    return await answer_changes(services, caller, access, table, query, capabilities)


async def stream_range(services: Services, table: AuthorizedTable, request: QueryRequest) -> VersionRange:
    """The versions that the stream reads. Raises as `query_stream` does where they alone are reason enough."""
    query = _stream_of(table, request)
    return await version_range(services, table, request, first=query.first, clamp_end=query.clamps_end)


async def prepare_stream(
    services: Services, table: AuthorizedTable, request: QueryRequest, capabilities: Capabilities
) -> None:
    """All that can be refused of a stream. Raises as `query_stream` does."""
    await prepare_changes(services, table, _stream_of(table, request), capabilities)


def _stream_of(table: AuthorizedTable, request: QueryRequest, *, always_end: bool = False) -> ChangesQuery:
    require_history(
        table, {"startingVersion": request.starting_version, "startingTimestamp": request.starting_timestamp}
    )
    first = table.scope.start_version

    def data_files(commit: Commit) -> pl.DataFrame:
        """A stream that begins where the share does has nothing yet that could be removed, and may not see it."""
        actions = ["add"] if commit.version == first > 0 else ["add", "remove"]
        return commit.files.filter(pl.col("data_change") & pl.col("action").is_in(actions))

    return ChangesQuery(
        endpoint="query",
        audited_as="deltaSharingQueriedTable",
        request=request,
        first=first,
        changed_files=data_files,
        historical_metadata=True,
        historical_protocol=bool(request.include_historical_protocol),
        head_at_start=True,
        needs_change_data_feed=False,
        clamps_end=False,
        always_end=always_end,
    )
