"""Who may read what: grants, and what a bearer token opens."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from lakeshare.catalog.model import Recipient, RecipientToken, Share
from lakeshare.catalog.queries.recipients import RECIPIENT_COLUMNS, TOKEN_COLUMNS, recipient
from lakeshare.catalog.queries.shares import SHARE_COLUMNS, share
from lakeshare.catalog.schema import grants, recipient_tokens, recipients, shares


def grant(connection: Connection, share_name: str, recipient_name: str, now: int) -> bool:
    ids = _ids(connection, share_name, recipient_name)
    held = select(grants.c.granted_at).filter_by(**ids)
    if connection.execute(held).one_or_none() is not None:
        return False
    connection.execute(insert(grants), {**ids, "granted_at": now})
    return True


def revoke(connection: Connection, share_name: str, recipient_name: str) -> bool:
    revoked = connection.execute(delete(grants).filter_by(**_ids(connection, share_name, recipient_name)))
    return revoked.rowcount == 1


def granted_recipients(connection: Connection, share_name: str) -> Sequence[Recipient]:
    share_id = share(connection, share_name).id
    rows = connection.execute(
        select(*RECIPIENT_COLUMNS).join_from(recipients, grants).filter(grants.c.share_id == share_id)
    )
    return sorted((Recipient(*row) for row in rows), key=lambda recipient: recipient.name.casefold())


def granted_shares(connection: Connection, recipient_name: str) -> Sequence[Share]:
    return shares_of(connection, recipient(connection, recipient_name).id)


def shares_of(connection: Connection, recipient_id: str) -> Sequence[Share]:
    """In name order."""
    rows = connection.execute(
        select(*SHARE_COLUMNS).join_from(shares, grants).where(grants.c.recipient_id == recipient_id)
    )
    return sorted((Share(*row) for row in rows), key=lambda share: share.name.casefold())


def token_access(connection: Connection, token_hash: bytes) -> tuple[Recipient, RecipientToken, Sequence[Share]] | None:
    """Whose token has this hash, and the shares that it opens, in name order."""
    row = connection.execute(
        select(*RECIPIENT_COLUMNS, *TOKEN_COLUMNS)
        .join_from(recipients, recipient_tokens)
        .where(recipient_tokens.c.token_hash == token_hash)
    ).one_or_none()
    if row is None:
        return None
    owner = Recipient(*row[: len(RECIPIENT_COLUMNS)])
    return owner, RecipientToken(*row[len(RECIPIENT_COLUMNS) :]), shares_of(connection, owner.id)


def _ids(connection: Connection, share_name: str, recipient_name: str) -> dict[str, str]:
    return {
        "share_id": share(connection, share_name).id,
        "recipient_id": recipient(connection, recipient_name).id,
    }
