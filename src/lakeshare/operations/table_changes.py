"""PROTOCOL.md, "Read Change Data Feed from a Table"."""

from collections.abc import Mapping

import polars as pl

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.answers import LinesAnswer
from lakeshare.operations.authorize import TableName
from lakeshare.operations.changed_files import ChangesQuery, answer_changes
from lakeshare.operations.history_scope import require_history
from lakeshare.operations.read_table import authorized_table
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import decode_changes
from lakeshare.tables.base import Commit


async def table_changes(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    params: Mapping[str, str],
    capabilities: Capabilities,
) -> LinesAnswer:
    """The files that tell which rows the versions of a range changed; `params` are the URL's.

    Raises NotFound, InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable before the first chunk.
    """
    table = authorized_table(access, name)
    require_history(table, {"The change data feed": True})
    request = decode_changes(params)
    query = ChangesQuery(
        endpoint="changes",
        audited_as="deltaSharingQueriedTableChanges",
        request=request,
        first=table.scope.first_change,
        changed_files=_change_files,
        historical_metadata=request.include_historical_metadata,
        historical_protocol=request.include_historical_protocol,
        head_at_start=request.include_historical_metadata,
        needs_change_data_feed=True,
        clamps_end=True,
    )
    return await answer_changes(services, caller, access, table, query, capabilities)


def _change_files(commit: Commit) -> pl.DataFrame:
    """The recorded change files where there are any: they tell the whole change. Else what was added and removed."""
    recorded = commit.files.filter(pl.col("action") == "cdc")
    return recorded if recorded.height else commit.files.filter(pl.col("data_change"))
