"""Recipients and their tokens."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from lakeshare.catalog.model import Recipient, RecipientToken
from lakeshare.catalog.schema import recipient_tokens as tokens, recipients
from lakeshare.errors import AlreadyExists, NotFound

RECIPIENT_COLUMNS = (recipients.c.id, recipients.c.name, recipients.c.created_at)
"""The fields of `Recipient`."""

TOKEN_COLUMNS = (
    tokens.c.id,
    tokens.c.recipient_id,
    tokens.c.issue,
    tokens.c.created_at,
    tokens.c.link_expires_at,
    tokens.c.token_hash,
    tokens.c.activated_at,
    tokens.c.expires_at,
)
"""The fields of `RecipientToken`."""


def create_recipient(connection: Connection, recipient: Recipient, token: RecipientToken) -> None:
    values = {
        "id": recipient.id,
        "name": recipient.name,
        "name_key": recipient.name.casefold(),
        "created_at": recipient.created_at,
    }
    try:
        connection.execute(insert(recipients), values)
    except IntegrityError as error:
        raise AlreadyExists(
            f"Recipient {recipient.name!r} already exists.", hint=f"See `lakeshare recipient show {recipient.name}`."
        ) from error
    _insert_token(connection, recipient.id, token)


def recipient(connection: Connection, name: str) -> Recipient:
    row = connection.execute(select(*RECIPIENT_COLUMNS).where(recipients.c.name_key == name.casefold())).one_or_none()
    if row is None:
        raise NotFound(f"Recipient {name!r} does not exist.", hint="See `lakeshare recipient list`.")
    return Recipient(*row)


def all_recipients(connection: Connection) -> Sequence[Recipient]:
    found = [Recipient(*row) for row in connection.execute(select(*RECIPIENT_COLUMNS))]
    return sorted(found, key=lambda recipient: recipient.name.casefold())


def delete_recipient(connection: Connection, name: str) -> Recipient:
    """Its tokens and grants go with it, by their foreign keys."""
    found = recipient(connection, name)
    connection.execute(delete(recipients).where(recipients.c.id == found.id))
    return found


def recipient_tokens(connection: Connection, recipient_id: str) -> Sequence[RecipientToken]:
    rows = connection.execute(
        select(*TOKEN_COLUMNS).where(tokens.c.recipient_id == recipient_id).order_by(tokens.c.created_at, tokens.c.id)
    )
    return [RecipientToken(*row) for row in rows]


def rotate_token(connection: Connection, recipient_id: str, new: RecipientToken, old_expires_at: int) -> None:
    if connection.execute(select(recipients.c.id).where(recipients.c.id == recipient_id)).one_or_none() is None:
        raise NotFound(f"No recipient has the id {recipient_id!r}.", hint="See `lakeshare recipient list`.")
    later = or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > old_expires_at)
    connection.execute(
        update(tokens).where(tokens.c.recipient_id == recipient_id, later).values(expires_at=old_expires_at)
    )
    _insert_token(connection, recipient_id, new)


def token(connection: Connection, token_id: str) -> tuple[Recipient, RecipientToken]:
    row = connection.execute(
        select(*RECIPIENT_COLUMNS, *TOKEN_COLUMNS).join_from(recipients, tokens).where(tokens.c.id == token_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"No token has the id {token_id!r}.", hint="See `lakeshare recipient list`.")
    return Recipient(*row[: len(RECIPIENT_COLUMNS)]), RecipientToken(*row[len(RECIPIENT_COLUMNS) :])


def activate_token(connection: Connection, token_id: str, issue: int, token_hash: bytes, now: int) -> bool:
    used = connection.execute(
        update(tokens)
        .where(
            tokens.c.id == token_id,
            tokens.c.issue == issue,
            tokens.c.token_hash.is_(None),
            tokens.c.link_expires_at > now,
            or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now),
        )
        .values(token_hash=token_hash, activated_at=now)
    )
    return used.rowcount == 1


def _insert_token(connection: Connection, recipient_id: str, token: RecipientToken) -> None:
    values = {
        "id": token.id,
        "recipient_id": recipient_id,
        "issue": token.issue,
        "created_at": token.created_at,
        "link_expires_at": token.link_expires_at,
        "token_hash": token.token_hash,
        "activated_at": token.activated_at,
        "expires_at": token.expires_at,
    }
    connection.execute(insert(tokens), values)
