"""PROTOCOL.md, "Query Table Metadata"."""

from dataclasses import dataclass

from lakeshare.catalog.model import RecipientAccess
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.fragments import header_lines
from lakeshare.operations.negotiate_format import negotiate_format
from lakeshare.operations.read_table import open_authorized, refuse_unserved
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat


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
    """The protocol and metadata lines of the table as it is now."""
    read = await open_authorized(services, access, name)
    refuse_unserved({"version": version, "timestamp": timestamp})
    response_format = negotiate_format(read.snapshot, capabilities, str(name))
    newest = read.snapshot.version
    record(services, caller, "deltaSharingGetTableMetadata", read.audit_params, result={"tableVersion": newest})
    return MetadataAnswer(newest, response_format, header_lines(read.snapshot, response_format))
