"""The one row of the installation: its revision and its address."""

from sqlalchemy import Connection, select, update

from lakeshare.catalog.schema import state


def revision(connection: Connection) -> int:
    found: int = connection.execute(select(state.c.revision)).scalar_one()
    return found


def public_url(connection: Connection) -> str | None:
    found: str | None = connection.execute(select(state.c.public_url)).scalar_one()
    return found


def set_public_url(connection: Connection, url: str) -> bool:
    """False where it is this already."""
    changed = connection.execute(
        update(state).where(state.c.public_url.is_distinct_from(url)).values(public_url=url)
    ).rowcount
    return changed == 1
