"""The recipient library."""

from lakeshare.client.address import TableName, load_profile, parse_table_name, parse_table_url
from lakeshare.client.answers import TableFiles
from lakeshare.client.sharing import Batch, SharingClient, read_table, scan_table
from lakeshare.client.transport import Retries

__all__ = [
    "Batch",
    "Retries",
    "SharingClient",
    "TableFiles",
    "TableName",
    "load_profile",
    "parse_table_name",
    "parse_table_url",
    "read_table",
    "scan_table",
]
