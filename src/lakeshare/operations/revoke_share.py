"""Take a share away from a recipient."""

from dataclasses import dataclass

import msgspec

from lakeshare.catalog.model import Recipient, Share
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services


@dataclass(frozen=True, slots=True)
class Revocation:
    """`was_granted` is False where there was no grant: then nothing changed."""

    share: Share
    recipient: Recipient
    was_granted: bool


async def revoke_share(services: Services, caller: Caller, share: str, recipient: str) -> Revocation:
    """New reads are refused at once; issued URLs live until they expire (`issued_urls_end`).

    Raises NotFound where either is absent.
    """
    revoked = await services.catalog.share(share)
    grantee = await services.catalog.recipient(recipient)
    was_granted = await services.catalog.revoke(revoked.name, grantee.name)
    if was_granted:
        changes = msgspec.json.encode([{"principal": grantee.name, "remove": ["SELECT"]}]).decode()
        record(services, caller, "updateSharePermissions", {"name": revoked.name, "changes": changes})
    return Revocation(revoked, grantee, was_granted)
