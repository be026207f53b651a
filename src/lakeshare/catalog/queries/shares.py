"""Shares, and the tables in them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from lakeshare.catalog.model import GrantedShare, Share, SharedTable, Table
from lakeshare.catalog.queries.tables import FULL_TABLES, TABLE_COLUMNS, table_by_id, to_table
from lakeshare.catalog.schema import shared_tables, shares, tables
from lakeshare.errors import AlreadyExists, NotFound

SHARE_COLUMNS = (shares.c.id, shares.c.name, shares.c.comment, shares.c.created_at)
"""The fields of `Share`."""

_shared_tables = select(
    shared_tables.c.schema,
    shared_tables.c.name,
    shared_tables.c.history,
    shared_tables.c.added_at,
    shared_tables.c.start_version,
    *TABLE_COLUMNS,
).select_from(shared_tables.join(FULL_TABLES, shared_tables.c.table_id == tables.c.id))


def create_share(connection: Connection, share: Share) -> None:
    values = {
        "id": share.id,
        "name": share.name,
        "name_key": share.name.casefold(),
        "comment": share.comment,
        "created_at": share.created_at,
    }
    try:
        connection.execute(insert(shares), values)
    except IntegrityError as error:
        raise AlreadyExists(
            f"Share {share.name!r} already exists.", hint=f"See `lakeshare share show {share.name}`."
        ) from error


def share(connection: Connection, name: str) -> Share:
    row = connection.execute(select(*SHARE_COLUMNS).where(shares.c.name_key == name.casefold())).one_or_none()
    if row is None:
        raise _no_share(name)
    return Share(*row)


def all_shares(connection: Connection) -> Sequence[Share]:
    found = [Share(*row) for row in connection.execute(select(*SHARE_COLUMNS))]
    return sorted(found, key=lambda share: share.name.casefold())


def delete_share(connection: Connection, name: str) -> Share:
    """Its tables and grants go with it, by their foreign keys."""
    found = share(connection, name)
    connection.execute(delete(shares).where(shares.c.id == found.id))
    return found


def add_to_share(connection: Connection, shared: SharedTable) -> None:
    """A schema that the share has already keeps the spelling that it got first."""
    holder = _share_by_id(connection, shared)
    table = table_by_id(connection, shared.table.id)
    schema_key, name_key = shared.schema.casefold(), shared.name.casefold()
    in_share = shared_tables.c.share_id == holder.id
    same_name = and_(shared_tables.c.schema_key == schema_key, shared_tables.c.name_key == name_key)
    for row in connection.execute(_shared_tables.where(in_share, or_(shared_tables.c.table_id == table.id, same_name))):
        raise _already_shared(_to_shared_table(holder, row), table)
    spelling = connection.execute(
        select(shared_tables.c.schema).where(in_share, shared_tables.c.schema_key == schema_key).limit(1)
    ).scalar()
    values = {
        "share_id": holder.id,
        "schema": spelling or shared.schema,
        "schema_key": schema_key,
        "name": shared.name,
        "name_key": name_key,
        "table_id": table.id,
        "history": shared.history,
        "added_at": shared.added_at,
        "start_version": shared.start_version,
    }
    connection.execute(insert(shared_tables), values)


def remove_from_share(connection: Connection, share_name: str, schema: str, name: str) -> SharedTable:
    holder = share(connection, share_name)
    here = (
        shared_tables.c.share_id == holder.id,
        shared_tables.c.schema_key == schema.casefold(),
        shared_tables.c.name_key == name.casefold(),
    )
    row = connection.execute(_shared_tables.where(*here)).one_or_none()
    if row is None:
        raise NotFound(
            f"Share {holder.name!r} has no table '{schema}.{name}'.", hint=f"See `lakeshare share show {holder.name}`."
        )
    connection.execute(delete(shared_tables).where(*here))
    return _to_shared_table(holder, row)


def tables_in_share(connection: Connection, share_name: str) -> Sequence[SharedTable]:
    return _tables_of(connection, share(connection, share_name))


def shared_table(connection: Connection, share_id: str, table_id: str) -> SharedTable:
    holder = connection.execute(select(*SHARE_COLUMNS).where(shares.c.id == share_id)).one_or_none()
    row = connection.execute(
        _shared_tables.where(shared_tables.c.share_id == share_id, shared_tables.c.table_id == table_id)
    ).one_or_none()
    if holder is None or row is None:
        raise NotFound(f"The share {share_id!r} does not hold the table {table_id!r}.")
    return _to_shared_table(Share(*holder), row)


def granted_share(connection: Connection, share: Share) -> GrantedShare:
    found = _tables_of(connection, share)
    schemas = {shared.schema.casefold(): shared.schema for shared in found}
    return GrantedShare(share, tuple(schemas.values()), tuple(found), {_key(shared): shared for shared in found})


def _share_by_id(connection: Connection, shared: SharedTable) -> Share:
    row = connection.execute(select(*SHARE_COLUMNS).where(shares.c.id == shared.share_id)).one_or_none()
    if row is None:
        raise _no_share(shared.share)
    return Share(*row)


def _no_share(name: str) -> NotFound:
    return NotFound(f"Share {name!r} does not exist.", hint="See `lakeshare share list`.")


def _already_shared(held: SharedTable, table: Table) -> AlreadyExists:
    if held.table.id == table.id:
        return AlreadyExists(
            f"Share {held.share!r} already has the table {table.full_name!r}, as {held.shared_as!r}.",
            hint=f"Take it out first with `lakeshare share remove {held.share} {held.shared_as}`.",
        )
    return AlreadyExists(
        f"Share {held.share!r} already has a table {held.shared_as!r}.",
        hint="Give it another name with `--as SCHEMA.NAME`.",
    )


def _tables_of(connection: Connection, share: Share) -> Sequence[SharedTable]:
    rows = connection.execute(_shared_tables.where(shared_tables.c.share_id == share.id))
    return sorted((_to_shared_table(share, row) for row in rows), key=_key)


def _to_shared_table(share: Share, row: Sequence[Any]) -> SharedTable:
    schema, name, history, added_at, start_version, *table = row
    return SharedTable(share.id, share.name, schema, name, to_table(table), history, added_at, start_version)


def _key(shared: SharedTable) -> tuple[str, str]:
    return shared.schema.casefold(), shared.name.casefold()
