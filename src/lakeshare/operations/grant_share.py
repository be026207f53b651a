"""Let a recipient read a share."""

from dataclasses import dataclass

import msgspec

from lakeshare.catalog.model import Recipient, Share
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services


@dataclass(frozen=True, slots=True)
class Grant:
    """`is_new` is False where the recipient had it already: then nothing changed."""

    share: Share
    recipient: Recipient
    is_new: bool


async def grant_share(services: Services, caller: Caller, share: str, recipient: str) -> Grant:
    """Raises NotFound where either is absent."""
    granted = await services.catalog.share(share)
    grantee = await services.catalog.recipient(recipient)
    is_new = await services.catalog.grant(granted.name, grantee.name, services.clock())
    if is_new:
        changes = msgspec.json.encode([{"principal": grantee.name, "add": ["SELECT"]}]).decode()
        record(services, caller, "updateSharePermissions", {"name": granted.name, "changes": changes})
    return Grant(granted, grantee, is_new)
