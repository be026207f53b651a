"""Make an empty share."""

import uuid

from lakeshare.catalog.model import Share
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.names import check_name


async def create_share(services: Services, caller: Caller, name: str, comment: str = "") -> Share:
    """Raises InvalidValue where the name cannot be used, AlreadyExists where it is taken."""
    check_name("share", name)
    share = Share(id=str(uuid.uuid4()), name=name, comment=comment, created_at=services.clock())
    await services.catalog.create_share(share)
    record(services, caller, "createShare", {"name": share.name, "comment": share.comment})
    return share
