"""Values as numbers and strings that Polars compares, and literals as intervals of them.

Every type is compared as one of three: integers (whole numbers, booleans, days and microseconds since 1970, and
decimals times 10 to their scale), doubles, and strings by their UTF-8 bytes. A literal becomes the least interval that
surely holds it under every reading that engines differ in: 2.5 beside integers is [2, 3], and 0.1 beside doubles
spans the two doubles around it.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from lakeshare.datafiles.schema import decimal_type
from lakeshare.protocol.predicates.literals import (
    convert,
    parse_boolean,
    parse_date,
    parse_double,
    parse_integer,
    parse_timestamp,
)
from lakeshare.protocol.predicates.tree import Value

INTEGERS = {"byte": 8, "short": 16, "integer": 32, "long": 64}
"""Their bits."""
DOUBLES = frozenset({"float", "double"})
TIMESTAMPS = frozenset({"timestamp", "timestamp_ntz"})

Comparable = int | float | str


@dataclass(frozen=True, slots=True)
class Interval:
    """A literal lies in [low, high]; `instant` for a timestamp with a zone, which is no wall-clock time."""

    low: Comparable
    high: Comparable
    instant: bool = False


def literal_interval(value: Value, type_name: str, cast: str | None = None) -> Interval | None:
    """The literal beside a column of the Spark type `type_name`; None where it cannot be told how they compare.

    `cast`: the type that the hint casts the column to, one of those that `keeps_order` allows.
    """
    if cast == "double" and isinstance(value, int | Decimal):
        value = float(value) if -_EXACT_DOUBLES < value < _EXACT_DOUBLES else None
    interval: Interval | None = None
    if type_name in INTEGERS:
        interval = _beside_integers(value)
    elif type_name in DOUBLES:
        interval = _beside_doubles(value, single=type_name == "float")
    elif type_name in TIMESTAMPS:
        interval = _beside_timestamps(value)
    elif decimal := decimal_type(type_name):
        interval = _beside_decimals(value, scale=decimal[1])
    elif type_name == "boolean":
        interval = _beside_booleans(value)
    elif type_name == "date":
        interval = _beside_dates(value, canonical=cast == "string")
    elif type_name == "string" and isinstance(value, str):
        interval = Interval(value, value)
    return interval


def keeps_order(type_name: str, cast: str | None) -> bool:
    """Whether values of the type compare after the cast as they do before it, and NULL stays the only NULL.

    A cast to fewer bits counts, though it holds only for the values that fit.
    """
    if cast is None or cast == type_name:
        return True
    if cast == "double":
        return type_name in INTEGERS or type_name in DOUBLES or decimal_type(type_name) is not None
    same_family = (type_name in INTEGERS and cast in INTEGERS) or (type_name in TIMESTAMPS and cast in TIMESTAMPS)
    return same_family or (type_name, cast) == ("date", "string")


_CONTEXT = Context(prec=120)
_INT64 = 1 << 63
_EXACT_DOUBLES = 1 << 53
_DECIMAL_DIGITS = 38
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = 1_000


def scaled(number: Decimal, scale: int, rounding: str) -> int | None:
    """`number` times 10 to the scale, rounded to a whole number; None where 38 digits do not hold it."""
    if not number.is_finite() or number.adjusted() + scale >= _DECIMAL_DIGITS:
        return None
    return int(number.scaleb(scale, _CONTEXT).to_integral_value(rounding, _CONTEXT))


def _beside_integers(value: Value) -> Interval | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = parse_integer(value)
    if isinstance(value, float) and not abs(value) < _EXACT_DOUBLES:
        return None
    if not isinstance(value, int | float | Decimal):
        return None
    low, high = math.floor(value), math.ceil(value)
    return Interval(low, high) if low >= -_INT64 and high < _INT64 else None


def _beside_doubles(value: Value, *, single: bool) -> Interval | None:
    if isinstance(value, str):
        value = parse_double(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        nearest = [convert(value, "double"), *([convert(value, "float")] if single else [])]
    except ValueError:
        return None
    numbers = [number for number in nearest if isinstance(number, float)]
    exact = Decimal(value)
    low, high = min(numbers), max(numbers)
    low = math.nextafter(low, -math.inf) if Decimal(low) > exact else low
    high = math.nextafter(high, math.inf) if Decimal(high) < exact else high
    return Interval(low, high) if math.isfinite(low) and math.isfinite(high) else None


def _beside_decimals(value: Value, *, scale: int) -> Interval | None:
    if isinstance(value, str):
        value = parse_double(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    slack = Decimal(math.ulp(value)) if isinstance(value, float) else Decimal(0)
    low = scaled(_CONTEXT.subtract(Decimal(value), slack), scale, ROUND_FLOOR)
    high = scaled(_CONTEXT.add(Decimal(value), slack), scale, ROUND_CEILING)
    return None if low is None or high is None else Interval(low, high)


def _beside_booleans(value: Value) -> Interval | None:
    truth = parse_boolean(value) if isinstance(value, str) else value
    return Interval(int(truth), int(truth)) if isinstance(truth, bool) else None


def _beside_dates(value: Value, *, canonical: bool) -> Interval | None:
    """`canonical`: dates are compared as text, which orders as they do only where the literal is yyyy-mm-dd."""
    day = parse_date(value) if isinstance(value, str) else value
    if not isinstance(day, date) or isinstance(day, datetime) or (canonical and value != day.isoformat()):
        return None
    days = day.toordinal() - _EPOCH.toordinal()
    return Interval(days, days)


def _beside_timestamps(value: Value) -> Interval | None:
    if isinstance(value, str):
        value = parse_timestamp(value)
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, datetime.min.time())
    if not isinstance(value, datetime):
        return None
    instant = value.tzinfo is not None
    low = (value - _EPOCH if instant else value.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
    # Spark's connector cuts a literal's microseconds off before it sends it, as an instant in milliseconds.
    cut = instant and low % _MILLISECOND == 0
    return Interval(low, low + _MILLISECOND - 1 if cut else low, instant)
