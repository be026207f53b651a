"""What is shared, and with whom."""

from collections.abc import Sequence
from dataclasses import dataclass

from lakeshare.catalog.model import Recipient, Share, SharedTable
from lakeshare.operations.services import Services


@dataclass(frozen=True, slots=True)
class ShareDescription:
    """A share, its tables and the recipients that it is granted to, both in name order."""

    share: Share
    tables: Sequence[SharedTable]
    recipients: Sequence[Recipient]


async def describe_share(services: Services, name: str) -> ShareDescription:
    """Raises NotFound."""
    return await _describe(services, await services.catalog.share(name))


async def list_shares(services: Services) -> list[ShareDescription]:
    """Every share, in name order."""
    return [await _describe(services, share) for share in await services.catalog.shares()]


async def _describe(services: Services, share: Share) -> ShareDescription:
    return ShareDescription(
        share=share,
        tables=await services.catalog.shared_tables(share.name),
        recipients=await services.catalog.granted_recipients(share.name),
    )
