"""Catalogs, schemas and tables."""

import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, FromClause, delete, insert, select
from sqlalchemy.exc import IntegrityError

from lakeshare.catalog.model import Table
from lakeshare.catalog.schema import catalogs, schemas, shared_tables, shares, tables
from lakeshare.errors import AlreadyExists, InvalidValue, NotFound
from lakeshare.protocol.names import split_table_name

TABLE_COLUMNS = (
    tables.c.id,
    catalogs.c.name,
    schemas.c.name,
    tables.c.name,
    tables.c.location,
    tables.c.also,
    tables.c.format,
    tables.c.created_at,
)
"""What `to_table` takes, in the order of its fields."""

FULL_TABLES: FromClause = tables.join(schemas).join(catalogs)

_table_by_name = select(*TABLE_COLUMNS).select_from(FULL_TABLES)


def to_table(row: Sequence[Any]) -> Table:
    identity, catalog, schema, name, location, also, table_format, created_at = row
    roots = msgspec.json.decode(also, type=tuple[str, ...])
    return Table(identity, catalog, schema, name, location, roots, table_format, created_at)


def create_table(connection: Connection, table: Table) -> None:
    catalog_id = _catalog(connection, table.catalog, table.created_at)
    schema_id = _schema(connection, catalog_id, table.schema, table.created_at)
    values = {
        "id": table.id,
        "schema_id": schema_id,
        "name": table.name,
        "name_key": table.name.casefold(),
        "location": table.location,
        "also": msgspec.json.encode(table.also).decode(),
        "format": table.format,
        "created_at": table.created_at,
    }
    try:
        connection.execute(insert(tables), values)
    except IntegrityError as error:
        raise AlreadyExists(
            f"Table {table.full_name!r} already exists.", hint=f"See `lakeshare table show {table.full_name}`."
        ) from error


def table(connection: Connection, full_name: str) -> Table:
    catalog, schema, name = (part.casefold() for part in split_table_name(full_name))
    row = connection.execute(
        _table_by_name.where(catalogs.c.name_key == catalog, schemas.c.name_key == schema, tables.c.name_key == name)
    ).one_or_none()
    if row is None:
        raise NotFound(f"Table {full_name!r} does not exist.", hint="See `lakeshare table list`.")
    return to_table(row)


def table_by_id(connection: Connection, table_id: str) -> Table:
    row = connection.execute(_table_by_name.where(tables.c.id == table_id)).one_or_none()
    if row is None:
        raise NotFound(f"No table has the id {table_id!r}.", hint="See `lakeshare table list`.")
    return to_table(row)


def all_tables(connection: Connection) -> Sequence[Table]:
    found = [to_table(row) for row in connection.execute(_table_by_name)]
    return sorted(found, key=lambda table: (table.catalog.casefold(), table.schema.casefold(), table.name.casefold()))


def delete_table(connection: Connection, full_name: str) -> Table:
    found = table(connection, full_name)
    holders = connection.execute(
        select(shares.c.name).join(shared_tables).where(shared_tables.c.table_id == found.id)
    ).scalars()
    names = sorted(holders, key=str.casefold)
    if names:
        raise InvalidValue(
            f"Table {found.full_name!r} is still in {_shares_in_words(names)}.",
            hint="Take it out first with `lakeshare share remove`.",
        )
    connection.execute(delete(tables).where(tables.c.id == found.id))
    return found


def _catalog(connection: Connection, name: str, now: int) -> str:
    """The id of the catalog, made where it is missing."""
    key = name.casefold()
    found: str | None = connection.execute(select(catalogs.c.id).where(catalogs.c.name_key == key)).scalar()
    if found is not None:
        return found
    made = str(uuid.uuid4())
    connection.execute(insert(catalogs), {"id": made, "name": name, "name_key": key, "created_at": now})
    return made


def _schema(connection: Connection, catalog_id: str, name: str, now: int) -> str:
    """The id of the schema, made where it is missing."""
    key = name.casefold()
    found: str | None = connection.execute(
        select(schemas.c.id).where(schemas.c.catalog_id == catalog_id, schemas.c.name_key == key)
    ).scalar()
    if found is not None:
        return found
    made = str(uuid.uuid4())
    values = {"id": made, "catalog_id": catalog_id, "name": name, "name_key": key, "created_at": now}
    connection.execute(insert(schemas), values)
    return made


def _shares_in_words(names: Sequence[str]) -> str:
    return ("share " if len(names) == 1 else "shares ") + ", ".join(repr(name) for name in names)
