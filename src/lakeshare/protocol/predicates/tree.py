"""The one tree that SQL hints and JSON hints are read into.

A predicate is TRUE, FALSE or NULL for a row, as in SQL; a row is wanted where it is TRUE.
"""

import typing
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

Operator = typing.Literal["=", "<>", "<", "<=", ">", ">="]

Value = None | bool | int | float | Decimal | str | date | datetime
"""A literal's value. Floats are finite or infinite, never NaN. A datetime with a zone (always UTC) is an instant; one
without is a wall-clock time, whose zone only the recipient's session knows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the hint spells it: nested fields are further parts of `path`.

    `cast` is the type that the value is turned into before it is compared, by Spark's name ("long", "date"); None is
    the column's own.
    """

    path: tuple[str, ...]
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. As a predicate it is TRUE for True, and FALSE or NULL for False and None."""

    value: Value


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column op literal`; NULL where either side is NULL."""

    operator: Operator
    column: Column
    literal: Literal


@dataclass(frozen=True, slots=True)
class IsNull:
    column: Column


@dataclass(frozen=True, slots=True)
class In:
    column: Column
    values: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class StartsWith:
    """`column LIKE 'prefix%'`."""

    column: Column
    prefix: str


@dataclass(frozen=True, slots=True)
class And:
    children: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    children: "tuple[Predicate, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    child: "Predicate"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part that was not understood: it, and its negation, may be TRUE for any row."""


Predicate = Literal | Comparison | IsNull | In | StartsWith | And | Or | Not | Unknown

MAX_LENGTH = 1_000_000
"""A hint of more characters is not read."""
MAX_DEPTH = 100
"""A hint with deeper nesting is not read."""
MAX_LEAVES = 1_000
"""A hint with more comparisons is not read: each of them costs a pass over the table's files."""
