"""Replace a recipient's token, as when it has leaked or is about to expire."""

from lakeshare.operations.audit_trail import record
from lakeshare.operations.invitation import DEFAULT_TOKEN_LIFETIME_MS, Invitation, invite, new_token
from lakeshare.operations.services import Caller, Services


async def rotate_token(services: Services, caller: Caller, name: str, *, keep_seconds: int = 0) -> Invitation:
    """A new token, with its link, that lives as long as the newest one was given.

    Every older one ends in `keep_seconds`, or earlier where it would have ended anyway. Raises NotFound.
    """
    recipient = await services.catalog.recipient(name)
    newest = (await services.catalog.recipient_tokens(recipient.id))[-1]
    lifetime_ms = DEFAULT_TOKEN_LIFETIME_MS if newest.expires_at is None else newest.expires_at - newest.created_at
    now = services.clock()
    token = new_token(recipient.id, now, lifetime_ms)
    await services.catalog.rotate_token(recipient.id, token, old_expires_at=now + keep_seconds * 1000)
    params = {"name": recipient.name, "existing_token_expire_in_seconds": str(keep_seconds)}
    record(services, caller, "rotateRecipientToken", params)
    return invite(services, recipient, token)
