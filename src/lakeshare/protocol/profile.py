"""The credential file that a recipient gets (`config.share`): PROTOCOL.md, "Profile File Format"."""

import msgspec

from lakeshare.errors import InvalidValue

SUPPORTED_VERSION = 1

_UTF8_BOM = b"\xef\xbb\xbf"


class Profile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where a sharing server is and the bearer token to read it with; unknown fields of a file are ignored.

    `expiration_time` is ISO 8601; None means that the token does not expire.
    """

    share_credentials_version: int
    endpoint: str
    bearer_token: str
    expiration_time: str | None = None

    def __repr__(self) -> str:
        return f"Profile(endpoint={self.endpoint!r}, bearer_token='***', expiration_time={self.expiration_time!r})"


def encode_profile(profile: Profile) -> bytes:
    """The file's bytes: indented JSON, without `expirationTime` where the token does not expire."""
    return msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n"


def decode_profile(data: bytes) -> Profile:
    """The profile in a file's bytes.

    Raises InvalidValue, which names the field that is missing or wrong and never shows the token.
    """
    data = data.removeprefix(_UTF8_BOM)
    _check_version(data)
    try:
        profile = msgspec.json.decode(data, type=Profile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"The profile is not usable: {error}.", hint=_HINT) from None
    for name, value in (("endpoint", profile.endpoint), ("bearerToken", profile.bearer_token)):
        if not value.strip():
            raise InvalidValue(f"The profile's {name} is empty.", hint=_HINT)
    if not (profile.bearer_token.isascii() and profile.bearer_token.isprintable()):
        raise InvalidValue("The profile's bearerToken holds a character that no token has.", hint=_HINT)
    if not profile.endpoint.startswith(("https://", "http://")):
        raise InvalidValue(
            f"The profile's endpoint is {profile.endpoint!r}, which is no http:// or https:// address.", hint=_HINT
        )
    return profile


_HINT = "Download the profile again from its activation link, or ask the provider for a new one."


class _Version(msgspec.Struct, rename="camel"):
    share_credentials_version: int


def _check_version(data: bytes) -> None:
    """Refuse another version before its fields are looked at, for they are not known here."""
    try:
        version = msgspec.json.decode(data, type=_Version).share_credentials_version
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"The profile is not usable: {error}.", hint=_HINT) from None
    if version > SUPPORTED_VERSION:
        raise InvalidValue(
            f"The profile has shareCredentialsVersion {version}, and this client reads version {SUPPORTED_VERSION}.",
            hint="Upgrade lakeshare to a newer version.",
        )
    if version < 1:
        raise InvalidValue(f"The profile's shareCredentialsVersion is {version}, but versions start at 1.", hint=_HINT)
