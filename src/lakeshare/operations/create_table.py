"""Register a table that exists."""

import uuid
from collections.abc import Sequence

from lakeshare.catalog.model import Table
from lakeshare.errors import InvalidValue
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import split_table_name
from lakeshare.storage.backends import open_store
from lakeshare.storage.locations import parse_location, scheme_of
from lakeshare.tables.formats import detect_format


async def create_table(
    services: Services, caller: Caller, full_name: str, location: str, also: Sequence[str] = ()
) -> Table:
    """Register the table at `location` as CATALOG.SCHEMA.TABLE; a missing catalog and schema are made.

    `also` are more roots that the table's log may name files in. Raises InvalidValue where a name cannot be used, or
    a location may not be shared or holds no table; AlreadyExists where the name is taken.
    """
    catalog, schema, name = split_table_name(full_name)
    root = _root(services, location)
    table = Table(
        id=str(uuid.uuid4()),
        catalog=catalog,
        schema=schema,
        name=name,
        location=root,
        also=tuple(_root(services, text) for text in also),
        format=await detect_format(open_store(root), root),
        created_at=services.clock(),
    )
    await services.catalog.create_table(table)
    record(
        services,
        caller,
        "createTable",
        {
            "name": table.name,
            "catalog_name": table.catalog,
            "schema_name": table.schema,
            "table_id": table.id,
            "data_source_format": table.format.upper(),
            "storage_location": table.location,
        },
    )
    return table


def _root(services: Services, text: str) -> str:
    """The location that `text` names, if a backend serves it and its files may be shared."""
    location = parse_location(text)
    open_store(location)
    if scheme_of(location) != "file":
        return location
    if services.state_home is not None and _shows_state(services.state_home, location):
        raise InvalidValue(
            f"The location {location!r} holds Lakeshare's own state (key, database, audit), which is never shared.",
            hint="Move the table out, or keep the state elsewhere with LAKESHARE_HOME.",
        )
    if services.local_roots is not None and not any(_contains(root, location) for root in services.local_roots):
        raise InvalidValue(
            f"The location {location!r} is under none of the directories that this server may share.",
            hint="Add its directory to LAKESHARE_LOCAL_ROOTS.",
        )
    return location


_PRIVATE = ("audit", "cache")
"""The directories that Lakeshare keeps in LAKESHARE_HOME. Others in it, as the demo's lakehouse, may be shared."""


def _shows_state(home: str, location: str) -> bool:
    return _contains(location, home) or any(_contains(f"{home}/{name}", location) for name in _PRIVATE)


def _contains(root: str, location: str) -> bool:
    return location == root or location.startswith(root.rstrip("/") + "/")
