"""Name someone who may be granted shares."""

import uuid

from lakeshare.catalog.model import Recipient, RecipientToken
from lakeshare.operations.activate_recipient import mint_profile
from lakeshare.operations.audit_trail import record
from lakeshare.operations.invitation import DEFAULT_TOKEN_LIFETIME_MS, Invitation, invite, new_token
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import check_name
from lakeshare.protocol.profile import Profile


async def create_recipient(
    services: Services, caller: Caller, name: str, *, lifetime_ms: int = DEFAULT_TOKEN_LIFETIME_MS
) -> Invitation:
    """A recipient with an activation link; its token expires `lifetime_ms` from now, whenever the link is used.

    Raises InvalidValue where the name cannot be used, AlreadyExists where it is taken.
    """
    recipient, token = await _create(services, caller, name, lifetime_ms)
    return invite(services, recipient, token)


async def create_recipient_with_profile(
    services: Services, caller: Caller, name: str, *, lifetime_ms: int = DEFAULT_TOKEN_LIFETIME_MS
) -> tuple[Recipient, Profile]:
    """A recipient whose credential the administrator hands over: there is no link. Raises as `create_recipient`."""
    recipient, token = await _create(services, caller, name, lifetime_ms)
    return recipient, await mint_profile(services, caller, recipient, token)


async def _create(services: Services, caller: Caller, name: str, lifetime_ms: int) -> tuple[Recipient, RecipientToken]:
    check_name("recipient", name)
    now = services.clock()
    recipient = Recipient(id=str(uuid.uuid4()), name=name, created_at=now)
    token = new_token(recipient.id, now, lifetime_ms)
    await services.catalog.create_recipient(recipient, token)
    record(
        services,
        caller,
        "createRecipient",
        {"name": name, "authentication_type": "TOKEN", "expiration_time": str(token.expires_at)},
    )
    return recipient, token
