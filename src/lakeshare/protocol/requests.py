"""What a client sends, as structs. Unknown fields are ignored; a known one of a wrong type is MalformedRequest."""

import msgspec

from lakeshare.errors import InvalidValue, MalformedRequest

MAX_RESULTS = 500
INT64_MAX = 2**63 - 1


class QueryRequest(msgspec.Struct, frozen=True, rename="camel"):
    """The body of `POST .../query` (PROTOCOL.md, "Read Data from a Table")."""

    predicate_hints: list[str] | None = None
    json_predicate_hints: str | None = None
    limit_hint: int | None = None
    version: int | None = None
    timestamp: str | None = None
    starting_version: int | None = None
    starting_timestamp: str | None = None
    ending_version: int | None = None
    ending_timestamp: str | None = None
    max_files: int | None = None
    page_token: str | None = None
    refresh_token: str | None = None
    include_refresh_token: bool | None = None


def decode_query(body: bytes) -> QueryRequest:
    """The request of a body; an empty body is `{}`. Raises MalformedRequest, or InvalidValue for a negative limit."""
    try:
        request = msgspec.json.decode(body or b"{}", type=QueryRequest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(
            f"The request body is not what a query needs: {error}.", hint="Send a JSON object; `{}` is the smallest."
        ) from error
    if request.limit_hint is not None and request.limit_hint < 0:
        raise InvalidValue(f"limitHint is {request.limit_hint}.", hint="Send 0 or more.")
    return request


def parse_max_results(text: str | None) -> int:
    """How many items a page may hold: `maxResults`, clamped to 500. Raises InvalidValue for what is no count."""
    if text is None:
        return MAX_RESULTS
    if not (text.isascii() and text.isdigit()) or len(text) > 10:  # noqa: PLR2004  an int32 has ten digits
        raise InvalidValue(f"maxResults is {text[:40]!r}.", hint=f"Send a whole number from 0 to {MAX_RESULTS}.")
    return min(int(text), MAX_RESULTS)
