"""Partition values: strings to typed columns (PROTOCOL.md, "Partition Value Serialization")."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import polars as pl
from polars.exceptions import PolarsError

from lakeshare.errors import TableUnreadable


def parse_partition_values(values: Sequence[str | None], column: str, dtype: pl.DataType) -> pl.Series:
    """One typed value a file; an absent or empty one is null. Raises TableUnreadable, which names column and value."""
    parse = _parser(column, dtype)
    parsed: dict[str | None, Any] = {None: None, "": None}
    for value in values:
        if value is not None and value not in parsed:
            try:
                parsed[value] = parse(value)
            except (ValueError, KeyError, InvalidOperation, OverflowError):
                raise _no_value(column, dtype, value) from None
    try:
        return pl.Series(column, [parsed[value] for value in values], dtype=dtype, strict=True)
    except (PolarsError, TypeError, OverflowError):
        worst = max((value for value in values if value), key=len)
        raise _no_value(column, dtype, worst) from None


def _parser(column: str, dtype: pl.DataType) -> Callable[[str], Any]:
    if dtype.is_integer():
        return int
    if isinstance(dtype, pl.Datetime):
        return _utc_timestamp if dtype.time_zone else datetime.fromisoformat
    parser = _PARSERS.get(type(dtype))
    if parser is None:
        raise TableUnreadable(f"The table's partition column {column!r} has the type {dtype}, which cannot be one.")
    return parser


_PARSERS: dict[type[pl.DataType], Callable[[str], Any]] = {
    pl.String: str,
    pl.Boolean: lambda value: {"true": True, "false": False}[value.lower()],
    pl.Date: date.fromisoformat,
    pl.Decimal: Decimal,
    pl.Float32: float,
    pl.Float64: float,
    pl.Binary: str.encode,
}


def _utc_timestamp(value: str) -> datetime:
    """Without an offset the value is in UTC."""
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _no_value(column: str, dtype: pl.DataType, value: str) -> TableUnreadable:
    return TableUnreadable(f"The value {value!r} of the table's partition column {column!r} is no {dtype}.")
