"""Forget a recipient."""

from lakeshare.catalog.model import Recipient
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services


async def delete_recipient(services: Services, caller: Caller, name: str) -> Recipient:
    """Its tokens, links and grants die with it; issued URLs live until they expire. Raises NotFound."""
    recipient = await services.catalog.delete_recipient(name)
    record(services, caller, "deleteRecipient", {"name": recipient.name})
    return recipient
