"""Take a share away from everyone."""

from lakeshare.catalog.model import Share
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services


async def delete_share(services: Services, caller: Caller, name: str) -> Share:
    """Its grants die with it; its tables stay registered. Raises NotFound."""
    share = await services.catalog.delete_share(name)
    record(services, caller, "deleteShare", {"name": share.name})
    return share
