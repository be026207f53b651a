"""An activation link to a credential: the only moment at which a bearer token is seen."""

from dataclasses import dataclass
from datetime import UTC, datetime

from lakeshare.catalog.model import Recipient, RecipientToken
from lakeshare.errors import LakeshareError, LinkSpent, NotFound
from lakeshare.governance.activation import is_genuine, token_id_of
from lakeshare.governance.tokens import mint_token, token_hash
from lakeshare.operations.audit_trail import record
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.profile import SUPPORTED_VERSION, Profile


@dataclass(frozen=True, slots=True)
class ActivationInfo:
    """Whom a link is for, and when (epoch milliseconds) the link and the token that it gives end."""

    recipient: str
    link_expires_at: int
    token_expires_at: int | None


async def activation_info(services: Services, caller: Caller, code: str) -> ActivationInfo:
    """What a link would do. Uses nothing up.

    Raises NotFound where this server never made the code, LinkSpent where it did but the link is over.
    """
    recipient, token = await _usable(services, caller, code, "getActivationUrlInfo")
    record(services, caller, "getActivationUrlInfo", {"recipient_name": recipient.name})
    return ActivationInfo(recipient.name, token.link_expires_at, token.expires_at)


async def activate_recipient(services: Services, caller: Caller, code: str) -> Profile:
    """Use a link up. Of several callers at once, one gets the profile. Raises as `activation_info`."""
    recipient, token = await _usable(services, caller, code, _MINT)
    return await mint_profile(services, caller, recipient, token)


async def mint_profile(services: Services, caller: Caller, recipient: Recipient, token: RecipientToken) -> Profile:
    """Turn a token that has no secret yet into a profile. Raises LinkSpent where it has one, or where its time is over.

    The secret exists in the answer alone. An event that cannot be written (Unavailable) means that nobody got it: the
    token has to be rotated.
    """
    bearer_token = mint_token()
    now = services.clock()
    minted = token.is_live(now) and await services.catalog.activate_token(
        token.id, token.issue, token_hash(bearer_token), now
    )
    if not minted:
        refusal = LinkSpent("This activation link was used a moment ago, or is over.", hint=_ASK)
        _record_refusal(services, caller, _MINT, {"recipient_name": recipient.name}, refusal)
        raise refusal
    record(services, caller, _MINT, {"recipient_name": recipient.name})
    return Profile(
        share_credentials_version=SUPPORTED_VERSION,
        endpoint=f"{services.public_url}/delta-sharing/",
        bearer_token=bearer_token,
        expiration_time=None if token.expires_at is None else _iso(token.expires_at),
    )


async def _usable(services: Services, caller: Caller, code: str, action: str) -> tuple[Recipient, RecipientToken]:
    """The recipient and token that a genuine, unused, unexpired link names. Refusals are audited, without the code."""
    recipient = None
    try:
        recipient, token = await _genuine(services, code)
        if not is_genuine(services.keyring, code, token.id, token.issue):
            raise LinkSpent("This activation link was replaced by a newer one.", hint=_ASK)
        if token.token_hash is not None:
            raise LinkSpent(f"This activation link was used{_when(token.activated_at)}.", hint=_ASK_OR_TELL)
        now = services.clock()
        if now >= token.link_expires_at or not token.is_live(now):
            raise LinkSpent("This activation link has expired, or was replaced by a newer one.", hint=_ASK)
    except NotFound as refusal:
        params = {} if recipient is None else {"recipient_name": recipient.name}
        _record_refusal(services, caller, action, params, refusal)
        raise
    return recipient, token


async def _genuine(services: Services, code: str) -> tuple[Recipient, RecipientToken]:
    """The token that a code was made for, by this or an earlier issue. One answer for everything that we never made."""
    unknown = NotFound(
        "This is not an activation link of this server.", hint="Copy the whole link, to its last letter."
    )
    token_id = token_id_of(code)
    if token_id is None:
        raise unknown
    try:
        recipient, token = await services.catalog.token(token_id)
    except NotFound:
        raise unknown from None
    if not any(is_genuine(services.keyring, code, token.id, issue) for issue in range(token.issue, 0, -1)):
        raise unknown
    return recipient, token


def _record_refusal(
    services: Services, caller: Caller, action: str, params: dict[str, str], refusal: LakeshareError
) -> None:
    status = 410 if isinstance(refusal, LinkSpent) else 404
    record(services, caller, action, params, status_code=status, error_message=refusal.message)


_MINT = "retrieveRecipientToken"
_ASK = "Ask the provider who sent it to you for a new one."
_ASK_OR_TELL = "If the file is lost, ask the provider for a new link. If you did not use it, tell the provider at once."


def _when(time_ms: int | None) -> str:
    return "" if time_ms is None else f" on {datetime.fromtimestamp(time_ms / 1000, UTC):%d %B %Y at %H:%M} UTC"


def _iso(time_ms: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
