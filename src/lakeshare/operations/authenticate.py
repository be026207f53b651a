"""Who asks: a bearer token to everything that it opens."""

from datetime import UTC, datetime

from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import Unauthenticated
from lakeshare.governance.tokens import is_well_formed, token_hash
from lakeshare.operations.services import Services


async def authenticate(services: Services, token: str | None) -> RecipientAccess:
    """What the token opens. Raises Unauthenticated where it is missing, unknown, revoked or expired."""
    if not token:
        raise Unauthenticated(
            "The request has no bearer token.", hint="Send `Authorization: Bearer <bearerToken of your profile file>`."
        )
    access = await services.access.access(token_hash(token)) if is_well_formed(token) else None
    if access is None:
        raise Unauthenticated(
            "The bearer token is not valid: it was mistyped, replaced or revoked.",
            hint="Ask the provider for a new activation link.",
        )
    if not access.token.is_live(services.clock()):
        raise Unauthenticated(
            f"The bearer token expired at {_iso(access.token.expires_at)}.",
            hint="Ask the provider for a new activation link.",
        )
    return access


def _iso(time_ms: int | None) -> str:
    return datetime.fromtimestamp((time_ms or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
