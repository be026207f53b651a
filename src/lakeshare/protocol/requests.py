"""What a client sends, as structs. Unknown fields are ignored; a known one of a wrong type is MalformedRequest."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from lakeshare.errors import InvalidValue, MalformedRequest

MAX_RESULTS = 500
INT64_MAX = 2**63 - 1


class QueryRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `POST .../query` (PROTOCOL.md, "Request Body", and the reference server's `protocol.proto`).

    Timestamps are as the client wrote them (protocol/timestamps.py).
    """

    predicate_hints: list[str] | None = None
    json_predicate_hints: str | None = None
    limit_hint: int | None = None
    version: int | None = None
    timestamp: str | None = None
    starting_version: int | None = None
    starting_timestamp: str | None = None
    ending_version: int | None = None
    ending_timestamp: str | None = None
    include_historical_protocol: bool | None = None
    max_files: int | None = None
    page_token: str | None = None
    refresh_token: str | None = None
    include_refresh_token: bool | None = None
    idempotency_key: str | None = None
    idempotency_key_in_snake_case: str | None = msgspec.field(name="idempotency_key", default=None)

    @property
    def submission_key(self) -> str | None:
        """The idempotency key: PROTOCOL.md and the clients spell it differently."""
        return self.idempotency_key or self.idempotency_key_in_snake_case

    @property
    def is_stream(self) -> bool:
        """Whether it asks for what versions changed, and not for what one holds."""
        return self.starting_version is not None or self.starting_timestamp is not None


class PollRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `POST .../queries/{queryId}` (PROTOCOL.md, "Get Query Info")."""

    max_files: int | None = None
    page_token: str | None = None


class ChangesRequest(msgspec.Struct, frozen=True):
    """The parameters of `GET .../changes` (PROTOCOL.md, "Read Change Data Feed from a Table")."""

    starting_version: int | None = None
    starting_timestamp: str | None = None
    ending_version: int | None = None
    ending_timestamp: str | None = None
    include_historical_metadata: bool = False
    include_historical_protocol: bool = False
    max_files: int | None = None
    page_token: str | None = None


RangeRequest = QueryRequest | ChangesRequest
"""What may name a range of versions."""


def decode_query(body: bytes) -> QueryRequest:
    """The request of a body; an empty body is `{}`.

    Raises MalformedRequest, or InvalidValue for values that no table could answer.
    """
    request = _decode(body, QueryRequest, "a query")
    if request.limit_hint is not None and request.limit_hint < 0:
        raise InvalidValue(f"limitHint is {request.limit_hint}.", hint="Send 0 or more.")
    asked = {
        "version": request.version,
        "timestamp": request.timestamp,
        "startingVersion": request.starting_version,
        "startingTimestamp": request.starting_timestamp,
        "includeRefreshToken": request.include_refresh_token or None,
        "refreshToken": request.refresh_token,
        "pageToken": request.page_token or None,
    }
    for one, *others in _EXCLUSIVE:
        for other in others:
            _check_exclusive(asked, one, other)
    _check_range(request)
    _check_version("version", request.version)
    return request


def decode_poll(body: bytes) -> PollRequest:
    """The page that a poll asks for; an empty body is `{}`. Raises MalformedRequest or InvalidValue."""
    poll = _decode(body, PollRequest, "a poll")
    _check_max_files(poll.max_files)
    return poll


def decode_changes(params: Mapping[str, str]) -> ChangesRequest:
    """The request of a URL's parameters; of an empty one nothing is known. Raises InvalidValue."""
    request = ChangesRequest(
        starting_version=_integer(params, "startingVersion"),
        starting_timestamp=params.get("startingTimestamp"),
        ending_version=_integer(params, "endingVersion"),
        ending_timestamp=params.get("endingTimestamp"),
        include_historical_metadata=_boolean(params, "includeHistoricalMetadata"),
        include_historical_protocol=_boolean(params, "includeHistoricalProtocol"),
        max_files=_integer(params, "maxFiles"),
        page_token=params.get("pageToken"),
    )
    _check_range(request)
    if request.starting_version is None and request.starting_timestamp is None:
        raise InvalidValue("The changes have no start.", hint="Send startingVersion or startingTimestamp.")
    return request


def parse_moment(version: str | None, timestamp: str | None) -> int | None:
    """The parameter `version`. Raises InvalidValue for what is no version, and where both are given."""
    _check_exclusive({"version": version, "timestamp": timestamp}, "version", "timestamp")
    parsed = _integer({} if version is None else {"version": version}, "version")
    _check_version("version", parsed)
    return parsed


def parse_max_results(text: str | None) -> int:
    """How many items a page may hold: `maxResults`, clamped to 500. Raises InvalidValue for what is no count."""
    if text is None:
        return MAX_RESULTS
    if not (text.isascii() and text.isdigit()) or len(text) > 10:  # noqa: PLR2004  an int32 has ten digits
        raise InvalidValue(f"maxResults is {text[:40]!r}.", hint=f"Send a whole number from 0 to {MAX_RESULTS}.")
    return min(int(text), MAX_RESULTS)


_EXCLUSIVE = (
    ("version", "timestamp", "startingVersion", "startingTimestamp", "includeRefreshToken", "refreshToken"),
    ("timestamp", "startingVersion", "startingTimestamp", "includeRefreshToken", "refreshToken"),
    ("startingVersion", "includeRefreshToken", "refreshToken"),
    ("startingTimestamp", "includeRefreshToken", "refreshToken"),
    ("pageToken", "includeRefreshToken", "refreshToken"),
)
"""The first of each excludes the others."""


Body = TypeVar("Body", QueryRequest, PollRequest)


def _decode(body: bytes, kind: type[Body], what: str) -> Body:
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(
            f"The request body is not what {what} needs: {error}.", hint="Send a JSON object; `{}` is the smallest."
        ) from error


def _check_range(request: RangeRequest) -> None:
    given = {
        "startingVersion": request.starting_version,
        "startingTimestamp": request.starting_timestamp,
        "endingVersion": request.ending_version,
        "endingTimestamp": request.ending_timestamp,
    }
    _check_exclusive(given, "startingVersion", "startingTimestamp")
    _check_exclusive(given, "endingVersion", "endingTimestamp")
    _check_version("startingVersion", request.starting_version)
    _check_version("endingVersion", request.ending_version)
    _check_max_files(request.max_files)


def _check_max_files(max_files: int | None) -> None:
    if max_files is not None and max_files < 1:
        raise InvalidValue(f"maxFiles is {max_files}.", hint="Send 1 or more.")


def _check_exclusive(given: Mapping[str, object], one: str, other: str) -> None:
    if given[one] is not None and given[other] is not None:
        raise InvalidValue(f"{one} and {other} cannot be sent together.", hint="Send one of them.")


def _check_version(field: str, version: int | None) -> None:
    if version is not None and not 0 <= version <= INT64_MAX:
        raise InvalidValue(f"{field} is {str(version)[:40]}.", hint="Send a version of the table: 0 or more.")


def _integer(params: Mapping[str, str], field: str) -> int | None:
    text = params.get(field)
    if text is None:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 40:  # noqa: PLR2004  no int64 is longer
        raise InvalidValue(f"{field} is {text[:40]!r}.", hint="Send a whole number.")
    return int(text)


def _boolean(params: Mapping[str, str], field: str) -> bool:
    """`True` too: the official Python client writes it so."""
    text = params.get(field, "").lower()
    if text not in ("true", "false", ""):
        raise InvalidValue(f"{field} is {params[field][:40]!r}.", hint="Send true or false.")
    return text == "true"
