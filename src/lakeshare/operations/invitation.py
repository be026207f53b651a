"""An activation link for a new token of a recipient."""

import uuid
from dataclasses import dataclass, field

from lakeshare.catalog.model import Recipient, RecipientToken
from lakeshare.governance.activation import activation_code
from lakeshare.operations.services import Services

DAY_MS = 86_400_000
LINK_LIFETIME_MS = 7 * DAY_MS
DEFAULT_TOKEN_LIFETIME_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Invitation:
    """A recipient, its new token, and the one-time link that turns the token into a credential file."""

    recipient: Recipient
    token: RecipientToken
    link: str = field(repr=False)


def new_token(recipient_id: str, now: int, lifetime_ms: int) -> RecipientToken:
    """A token that expires `lifetime_ms` after `now` (epoch milliseconds); its link lives 7 days, or as long."""
    return RecipientToken(
        id=str(uuid.uuid4()),
        recipient_id=recipient_id,
        issue=1,
        created_at=now,
        link_expires_at=now + min(LINK_LIFETIME_MS, lifetime_ms),
        expires_at=now + lifetime_ms,
    )


def invite(services: Services, recipient: Recipient, token: RecipientToken) -> Invitation:
    """The link is computed from the server's key, never stored, and must not be logged."""
    code = activation_code(services.keyring, token.id, token.issue)
    return Invitation(recipient, token, f"{services.public_url}/activate/{code}")
