"""May a predicate be TRUE for some row of a file? Asked of all files at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

import polars as pl

from lakeshare.datafiles.bounds import Bounds, Path
from lakeshare.datafiles.intervals import DOUBLES, INTEGERS, Interval, literal_interval
from lakeshare.protocol.predicates import (
    And,
    Column,
    Comparison,
    In,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Predicate,
    StartsWith,
    Unknown,
)

Mask = pl.Series | bool
"""Boolean, one a file and never null; or the same for all files."""


@dataclass(frozen=True, slots=True)
class KnownColumn:
    """`path`: the names in the stats, or the name in the partition values. `type_name`: Spark's.

    `was_float`: as in schema.py's Field.
    """

    path: Path
    type_name: str
    is_partition: bool
    was_float: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of some files. A column without an entry, or without bounds, may hold anything."""

    columns: Mapping[Column, KnownColumn]
    bounds: Mapping[Path, Bounds]

    def may_be_true(self, predicate: Predicate, not_nan: frozenset[Column] = frozenset()) -> Mask:
        """`predicate` has Not only above IsNull, In and StartsWith.

        `not_nan`: columns that another part of the same And keeps from being NaN.
        """
        match predicate:
            case And(children):
                not_nan |= {column for child in children if (column := self._excludes_nan(child))}
                return _all(self.may_be_true(child, not_nan) for child in children)
            case Or(children):
                return _any(self.may_be_true(child) for child in children)
            case Literal(value):
                return value is not False and value is not None
            case Unknown():
                return True
            case Not(child):
                return self._leaf(child, negated=True)
        return self._leaf(predicate, not_nan=not_nan)

    def _leaf(self, leaf: Predicate, *, negated: bool = False, not_nan: frozenset[Column] = frozenset()) -> Mask:
        assert isinstance(leaf, Comparison | IsNull | In | StartsWith)
        column = self.columns.get(leaf.column)
        bounds = self.bounds.get(column.path) if column else None
        if column is None or bounds is None:
            return True
        if column.type_name in INTEGERS and leaf.column.cast in INTEGERS:
            bounds = _within_bits(bounds, INTEGERS[leaf.column.cast])
        if isinstance(leaf, IsNull):
            return bounds.may_have_value if negated else bounds.may_be_null
        if isinstance(leaf, StartsWith):
            mask = _starts_with(bounds, leaf.prefix, negated=negated) if column.type_name == "string" else True
        elif isinstance(leaf, Comparison):
            if leaf.column in not_nan:
                bounds = replace(bounds, may_be_nan=False)
            mask = _compare(bounds, leaf.operator, leaf.literal, self._interval(leaf.column, leaf.literal))
        else:
            intervals = [self._interval(leaf.column, value) for value in leaf.values if value.value is not None]
            has_null = len(intervals) < len(leaf.values)
            mask = not (negated and has_null) and _in(bounds, intervals, negated=negated)
        return _all((mask, bounds.may_have_value))

    def _interval(self, column: Column, literal: Literal) -> Interval | None:
        return literal_interval(literal.value, self.columns[column].type_name, column.cast)

    def _excludes_nan(self, predicate: Predicate) -> Column | None:
        match predicate:
            case Comparison(operator="=" | "<" | "<=", column=column, literal=literal) if (
                column in self.columns
                and self.columns[column].type_name in DOUBLES
                and self._interval(column, literal) is not None
            ):
                return column
        return None


_SESSION_OFFSET_MAX = 18 * 3_600_000_000
"""Microseconds that a session's wall clock may be away from UTC: Java's ZoneOffset goes to 18 hours."""


def _compare(bounds: Bounds, operator: Operator, literal: Literal, interval: Interval | None) -> Mask:
    if literal.value is None:
        return False
    if interval is None or (operator in {">", ">="} and bounds.may_be_nan):
        return True
    bounds = _on_the_clock_of(bounds, instant=interval.instant)
    mask: Mask
    match operator:
        case "=":
            mask = _touches_any(bounds, [interval])
        case "<>":
            mask = _differs_from_all(bounds, [interval])
        case "<":
            mask = _sure(bounds.low < interval.high)
        case "<=":
            mask = _sure(bounds.low <= interval.high)
        case ">":
            mask = _sure((bounds.high > interval.low) | _continues(bounds, pl.Series([interval.low])))
        case ">=":
            mask = _sure((bounds.high >= interval.low) | _continues(bounds, pl.Series([interval.low])))
    return mask


def _in(bounds: Bounds, intervals: list[Interval | None], *, negated: bool) -> Mask:
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return True
    clocks = [
        (_on_the_clock_of(bounds, instant=instant), [i for i in known if i.instant == instant])
        for instant in sorted({interval.instant for interval in known})
    ]
    if negated:
        return _all(_differs_from_all(on_clock, literals) for on_clock, literals in clocks)
    return _any(_touches_any(on_clock, literals) for on_clock, literals in clocks)


def _touches_any(bounds: Bounds, literals: list[Interval]) -> Mask:
    """Whether [low, high] touches a literal: the first one that does not end below `low` must start by `high`."""
    if len(literals) == 1:
        start, end = pl.Series([literals[0].low], dtype=bounds.low.dtype), literals[0].high
        return _sure(bounds.low <= end) & _sure((bounds.high >= start) | _continues(bounds, start))
    literals = sorted(literals, key=lambda interval: (interval.low, interval.high))
    ends = pl.Series(list(accumulate((i.high for i in literals), max)), dtype=bounds.low.dtype)
    starts = pl.Series([*(i.low for i in literals), None], dtype=bounds.low.dtype)
    first = ends.search_sorted(bounds.low)  # where `low` is null: 0, as if it were below everything
    start = starts[first]
    return (first < len(literals)) & _sure((start <= bounds.high) | _continues(bounds, start))


def _differs_from_all(bounds: Bounds, literals: list[Interval]) -> Mask:
    """False only where every row has the same value, and a literal is exactly that."""
    if bounds.may_be_nan:
        return True
    exact = pl.Series([i.low for i in literals if i.low == i.high], dtype=bounds.low.dtype)
    single = bounds.low == bounds.high
    if bounds.high_is_prefix is not None:
        single &= ~bounds.high_is_prefix
    return ~(single & bounds.low.is_in(exact)).fill_null(value=False)


def _starts_with(bounds: Bounds, prefix: str, *, negated: bool) -> pl.Series:
    low_starts = bounds.low.str.starts_with(prefix)
    if negated:
        return _sure(~(low_starts & bounds.high.str.starts_with(prefix)))
    reached = (bounds.high >= prefix) | _continues(bounds, pl.Series([prefix]))
    return _sure(((bounds.low <= prefix) | low_starts) & reached)


def _continues(bounds: Bounds, values: pl.Series) -> Mask:
    """Whether values (one a file, or one for all) start with a `high` that was cut, so that the file may reach them."""
    if bounds.high_is_prefix is None:
        return False
    return bounds.high_is_prefix & pl.select(pl.lit(values).str.starts_with(pl.lit(bounds.high))).to_series()


def _on_the_clock_of(bounds: Bounds, *, instant: bool) -> Bounds:
    """Timestamps beside a literal that is an instant, or a wall-clock time in a session whose zone is not known."""
    if bounds.instant is None:
        return bounds
    slack = (bounds.instant != instant).cast(pl.Int64) * _SESSION_OFFSET_MAX
    return replace(bounds, low=bounds.low - slack, high=bounds.high + slack)


def _within_bits(bounds: Bounds, bits: int) -> Bounds:
    """Integers under a cast, which changes those that do not fit: then nothing is known."""
    limit = 1 << (bits - 1)
    fits = ((bounds.low >= -limit) & (bounds.high <= limit - 1)).fill_null(value=False)
    return replace(
        bounds,
        low=bounds.low.set(~fits, None),
        high=bounds.high.set(~fits, None),
        may_be_null=bounds.may_be_null | ~fits,
    )


def _sure(mask: pl.Series) -> pl.Series:
    return mask.fill_null(value=True)


def _all(masks: Iterable[Mask]) -> Mask:
    result: Mask = True
    for mask in masks:
        if mask is False:
            return False
        result = mask if result is True else result if mask is True else result & mask
    return result


def _any(masks: Iterable[Mask]) -> Mask:
    result: Mask = False
    for mask in masks:
        if mask is True:
            return True
        result = mask if result is False else result if mask is False else result | mask
    return result
