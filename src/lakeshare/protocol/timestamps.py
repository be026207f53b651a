"""Timestamps in requests (PROTOCOL.md, "Timestamp Format"): ISO 8601 with a zone, such as `2022-01-01T00:00:00Z`."""

import re
from datetime import UTC, datetime, timedelta

from lakeshare.errors import InvalidValue

_SHAPE = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)T(?P<minute>\d\d:\d\d)(?P<second>:\d\d)?(?:\.(?P<fraction>\d{1,9}))?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[01]\d|2[0-3]):?(?P<minutes>[0-5]\d))",
    re.ASCII | re.IGNORECASE,
)


def parse_timestamp(field: str, text: str) -> int:
    """Epoch milliseconds, rounded down. Raises InvalidValue, which names the field and the value."""
    shape = _SHAPE.fullmatch(text)
    if shape is None or (shape["fraction"] and not shape["second"]):
        raise _invalid(field, text)
    try:
        local = datetime.fromisoformat(f"{shape['day']}T{shape['minute']}{shape['second'] or ''}").replace(tzinfo=UTC)
    except ValueError as error:
        raise _invalid(field, text) from error
    offset = timedelta(hours=int(shape["hours"] or 0), minutes=int(shape["minutes"] or 0))
    # In whole milliseconds, for an offset may lead out of the years that datetime knows.
    seconds = (local - _EPOCH) - (-offset if shape["sign"] == "-" else offset)
    return seconds // timedelta(milliseconds=1) + int((shape["fraction"] or "").ljust(3, "0")[:3])


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _invalid(field: str, text: str) -> InvalidValue:
    return InvalidValue(
        f"{field} is {text[:60]!r}.",
        hint="Send an ISO 8601 timestamp with a zone, such as 2022-01-01T00:00:00Z; in a URL write + as %2B.",
    )
