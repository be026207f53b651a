"""Lakeshare: open, self-hosted data sharing.

For recipients: `lakeshare.read_table("config.share#share.schema.table")`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lakeshare.client import SharingClient, TableName, load_profile, read_table, scan_table
    from lakeshare.errors import LakeshareError
    from lakeshare.protocol.profile import Profile

__all__ = ["LakeshareError", "Profile", "SharingClient", "TableName", "load_profile", "read_table", "scan_table"]

_HOMES = {
    "LakeshareError": "lakeshare.errors",
    "Profile": "lakeshare.protocol.profile",
    "SharingClient": "lakeshare.client",
    "TableName": "lakeshare.client",
    "load_profile": "lakeshare.client",
    "read_table": "lakeshare.client",
    "scan_table": "lakeshare.client",
}


def __getattr__(name: str) -> Any:
    """Import on first use, so that `import lakeshare` and the command line start at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
