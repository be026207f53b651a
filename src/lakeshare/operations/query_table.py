"""PROTOCOL.md, "Read Data from a Table": a query is of one version, or of what a range of versions changed."""

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.answers import LinesAnswer
from lakeshare.operations.authorize import TableName
from lakeshare.operations.query_snapshot import query_snapshot
from lakeshare.operations.query_stream import query_stream
from lakeshare.operations.read_table import authorized_table
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities
from lakeshare.protocol.requests import QueryRequest


async def query_table(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    request: QueryRequest,
    capabilities: Capabilities,
) -> LinesAnswer:
    """The files that the request asks for, less those that its hints rule out.

    Raises NotFound, InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable before the first chunk.
    """
    table = authorized_table(access, name)
    if request.is_stream:
        return await query_stream(services, caller, access, table, request, capabilities)
    return await query_snapshot(services, caller, access, table, request, capabilities)
