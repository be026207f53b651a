"""Who may read, with which tokens, and what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lakeshare.catalog.model import Recipient, RecipientToken, Share
from lakeshare.operations.services import Services


@dataclass(frozen=True, slots=True)
class TokenState:
    """What a token is good for, and until when (epoch milliseconds; None for ever)."""

    state: Literal["link open", "link expired", "active", "expired"]
    until: int | None


@dataclass(frozen=True, slots=True)
class DescribedToken:
    token: RecipientToken
    state: TokenState


@dataclass(frozen=True, slots=True)
class RecipientDescription:
    """A recipient, its tokens (oldest first) and the shares that it is granted (in name order)."""

    recipient: Recipient
    tokens: Sequence[DescribedToken]
    shares: Sequence[Share]


async def describe_recipient(services: Services, name: str) -> RecipientDescription:
    """Raises NotFound."""
    return await _describe(services, await services.catalog.recipient(name))


async def list_recipients(services: Services) -> list[RecipientDescription]:
    """Every recipient, in name order."""
    return [await _describe(services, recipient) for recipient in await services.catalog.recipients()]


def token_state(token: RecipientToken, now: int) -> TokenState:
    """The state of a token at `now`, epoch milliseconds."""
    if not token.is_live(now):
        return TokenState("expired", token.expires_at)
    if token.token_hash is not None:
        return TokenState("active", token.expires_at)
    return TokenState("link open" if now < token.link_expires_at else "link expired", token.link_expires_at)


async def _describe(services: Services, recipient: Recipient) -> RecipientDescription:
    now = services.clock()
    tokens = await services.catalog.recipient_tokens(recipient.id)
    return RecipientDescription(
        recipient=recipient,
        tokens=[DescribedToken(token, token_state(token, now)) for token in tokens],
        shares=await services.catalog.granted_shares(recipient.name),
    )
