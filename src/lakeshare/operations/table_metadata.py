"""PROTOCOL.md, "Query Table Metadata"."""

from dataclasses import dataclass

from lakeshare.audit.events import Result
from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.fragments import header_lines
from lakeshare.operations.history_scope import moment_to_version
from lakeshare.operations.negotiate_format import negotiate_snapshot
from lakeshare.operations.read_table import authorized_table, read_snapshot
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.requests import parse_moment


@dataclass(frozen=True, slots=True)
class MetadataAnswer:
    version: int
    response_format: ResponseFormat
    body: bytes


async def table_metadata(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    capabilities: Capabilities,
    version: str | None,
    timestamp: str | None,
) -> MetadataAnswer:
    """The protocol and metadata lines of the newest version, or of the one that is asked for, which they then name.

    Raises NotFound, InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable.
    """
    table = authorized_table(access, name)
    asked = await moment_to_version(services, table, parse_moment(version, timestamp), timestamp)
    snapshot = await read_snapshot(services, table, asked)
    response_format = negotiate_snapshot(snapshot, capabilities, table.shown_as)
    result: Result = {"tableVersion": snapshot.version}
    record(services, caller, "deltaSharingGetTableMetadata", table.audit_params, result=result)
    body = header_lines(snapshot, response_format, stamped=asked is not None)
    return MetadataAnswer(snapshot.version, response_format, body)
