"""What every operation works with; `bootstrap.py` builds it."""

from collections.abc import Callable
from dataclasses import dataclass

from lakeshare.audit.events import AuditLog
from lakeshare.catalog.access import AccessCache
from lakeshare.catalog.async_queries import AsyncQueryStore
from lakeshare.catalog.model import Table
from lakeshare.catalog.store import CatalogStore
from lakeshare.datafiles.columns import Memory
from lakeshare.governance.keys import Keyring
from lakeshare.operations.bodies import Bodies
from lakeshare.operations.segment_lines import SegmentLines
from lakeshare.storage.base import SigningWindow, UrlSigner
from lakeshare.tables.cache import SnapshotCache

Clock = Callable[[], int]
"""The time in epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Services:
    catalog: CatalogStore
    queries: AsyncQueryStore
    access: AccessCache
    tables: SnapshotCache
    memory: Memory
    lines: SegmentLines
    bodies: Bodies
    audit: AuditLog
    keyring: Keyring
    clock: Clock
    public_url: str
    """Without a trailing slash."""
    url_seconds: int
    url_signer: Callable[[Table, SigningWindow], UrlSigner]
    """Signs the URLs of a table's files, all those of a window alike."""
    local_roots: tuple[str, ...] | None = None
    """Locations that local tables must lie under; None for the local command line, which may register any."""
    state_home: str | None = None
    """Location of LAKESHARE_HOME, which no table may cover: it holds the secret key and the database."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the audit tells it: a recipient's name, or the administrator's."""

    name: str
    request_id: str = ""
    source_ip: str = ""
    user_agent: str = ""
