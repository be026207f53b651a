"""Literals' text to values, the same for both spellings of a hint. None stands for text that is not understood."""

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from lakeshare.protocol.predicates.tree import Value

_DIGITS_MAX = 100
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_TIMESTAMP = re.compile(
    r"([0-9]{4}-[0-9]{1,2}-[0-9]{1,2})[ T]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?"
    r"(?: ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))?"
)
_MICROSECOND_DIGITS = 6
_INTEGER_BITS = {"byte": 8, "short": 16, "integer": 32, "long": 64}


def parse_integer(text: str) -> int | None:
    return int(text) if len(text) <= _DIGITS_MAX and _INTEGER.fullmatch(text) else None


def parse_double(text: str) -> float | None:
    """A finite double; "Infinity" and "NaN" are not taken, because engines disagree on how they compare."""
    if len(text) > _DIGITS_MAX or not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def parse_decimal(text: str) -> Decimal | None:
    """A number without an exponent, exactly."""
    if len(text) > _DIGITS_MAX or not _NUMBER.fullmatch(text) or "e" in text.lower():
        return None
    return Decimal(text)


def parse_boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


def parse_date(text: str) -> date | None:
    """`2021-04-29`; one digit will do for the month and the day, as in Spark. Years are 1 to 9999."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    try:
        return date(*(int(part) for part in match.groups()))
    except ValueError:
        return None


def parse_timestamp(text: str) -> datetime | None:
    """An instant (UTC) where the text has a zone, else a wall-clock time; a bare date is its midnight.

    Text finer than microseconds is not understood, nor are names of regions.
    """
    if (day := parse_date(text)) is not None:
        return _midnight(day)
    match = _TIMESTAMP.fullmatch(text)
    day = parse_date(match[1]) if match else None
    if match is None or day is None:
        return None
    fraction = match[5] or "0"
    if fraction[_MICROSECOND_DIGITS:].strip("0"):
        return None
    try:
        wall_clock = _midnight(day).replace(
            hour=int(match[2]),
            minute=int(match[3]),
            second=int(match[4] or 0),
            microsecond=int(fraction[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")),
        )
        return wall_clock if match[6] is None else wall_clock.replace(tzinfo=_zone(match[6])).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_PARSERS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "boolean": parse_boolean,
    "date": parse_date,
    "timestamp": parse_timestamp,
    "timestamp_ntz": parse_timestamp,
}


def convert(value: Value, type_name: str) -> Value:
    """`value` as Spark's `CAST(value AS type_name)` has it, where that loses nothing but a float's last digits.

    Raises ValueError where it is not understood.
    """
    if value is None:
        return None
    converted: Value = None
    if type_name in _INTEGER_BITS:
        whole = parse_integer(value) if isinstance(value, str) else value
        limit = 1 << (_INTEGER_BITS[type_name] - 1)
        if isinstance(whole, int) and not isinstance(whole, bool) and -limit <= whole < limit:
            converted = whole
    elif type_name in {"double", "float"}:
        converted = _float(value, single=type_name == "float")
    elif isinstance(value, str):
        parse = _PARSERS.get(type_name)
        converted = parse(value) if parse else None
    if converted is None:
        raise ValueError(type_name)
    return converted


def _float(value: Value, *, single: bool) -> float | None:
    if isinstance(value, str):
        number = parse_double(value)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None
    else:
        return None
    if number is None or not single:
        return number
    try:
        return float(struct.unpack("<f", struct.pack("<f", number))[0])
    except OverflowError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time())


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)
