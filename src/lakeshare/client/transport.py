"""HTTP to a sharing server: who asks, what is tried again, and which error an answer means."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from lakeshare import errors
from lakeshare.protocol.error_codes import error_of
from lakeshare.protocol.profile import Profile

Answer = TypeVar("Answer")

TIMEOUT = httpx.Timeout(120.0, connect=10.0)
TOO_MANY_REQUESTS = 429


@dataclass(frozen=True, slots=True)
class Retries:
    """How long to go on asking a server that is busy or gone; every delay doubles, with jitter, up to the longest."""

    total_seconds: float = 30.0
    first_delay_seconds: float = 0.5
    longest_delay_seconds: float = 8.0


class Transport:
    """Sends requests to one sharing server with the profile's token."""

    def __init__(self, profile: Profile, retries: Retries) -> None:
        self._profile = profile
        self._retries = retries
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {profile.bearer_token}", "user-agent": "lakeshare-client"},
            timeout=TIMEOUT,
            follow_redirects=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        read: Callable[[httpx.Response], Answer],
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What `read` makes of the answer, whose body it pulls; a connection that breaks meanwhile starts it anew.

        429, 5xx and lost connections are tried again. Raises Unavailable when the time for that is over, and what the
        answer's error code means at once for every other status.
        """
        url = self._profile.endpoint.rstrip("/") + path
        deadline = time.monotonic() + self._retries.total_seconds
        attempt = 0
        while True:
            try:
                with self._http.stream(method, url, params=params, json=body, headers=headers) as response:
                    if response.is_success:
                        return read(response)
                    response.read()
                    failure, wait = _refusal(response, self._profile), _retry_after(response)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
                raise errors.InvalidValue(f"The profile's endpoint cannot be used: {error}.") from error
            except httpx.RequestError as error:
                failure, wait = _lost(error, self._profile), 0.0
            if not isinstance(failure, errors.Unavailable):
                raise failure
            delay = max(self._delay(attempt), wait)
            if time.monotonic() + delay > deadline:
                raise failure
            time.sleep(delay)
            attempt += 1

    def _delay(self, attempt: int) -> float:
        longest = min(self._retries.first_delay_seconds * 2.0**attempt, self._retries.longest_delay_seconds)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  jitter keeps no secret


class _ErrorBody(msgspec.Struct, rename="camel"):
    error_code: str = ""
    message: str = ""


_BY_STATUS: dict[int, type[errors.LakeshareError]] = {
    400: errors.InvalidValue,
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NotFound,
    413: errors.RequestTooLarge,
}
"""What a status means where the answer has no code that we know, as from other servers and proxies."""


def _refusal(response: httpx.Response, profile: Profile) -> errors.LakeshareError:
    try:
        told = msgspec.json.decode(response.content, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        told = _ErrorBody()
    message = told.message or f"The sharing server answered {response.status_code} {response.reason_phrase}."
    if response.status_code == TOO_MANY_REQUESTS or response.is_server_error:
        return errors.Unavailable(message, hint="Try again later.")
    failure = error_of(told.error_code, message)
    if type(failure) is errors.LakeshareError:
        failure = _BY_STATUS.get(response.status_code, errors.LakeshareError)(message)
    if isinstance(failure, errors.Unauthenticated):
        expiry = f"Its profile says that the token ends at {profile.expiration_time}. " * bool(profile.expiration_time)
        failure.hint = f"{expiry}Ask the provider for a new activation link."
    return failure


def _lost(error: httpx.RequestError, profile: Profile) -> errors.LakeshareError:
    reason = str(error) or type(error).__name__
    message = f"The sharing server at {profile.endpoint} cannot be reached: {reason}."
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        return errors.LakeshareError(message, hint="Its certificate is not trusted on this machine.")
    if isinstance(error, httpx.TransportError):
        return errors.Unavailable(message, hint="Check the endpoint in the profile and the network, and try again.")
    return errors.LakeshareError(message, hint="Check the endpoint in the profile.")


def _retry_after(response: httpx.Response) -> float:
    """Seconds that the server asks to wait, 0 if none (RFC 9110, section 10.2.3: a number or a date)."""
    value = str(response.headers.get("retry-after", "")).strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
