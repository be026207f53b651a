"""Random predicates in three spellings: SQL hint, JSON hint, and the Polars expression that says which rows match."""

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from properties.random_tables import SCHEMA, VALUES, RandomTable


@dataclass(frozen=True)
class RandomPredicate:
    """`as_json` is None for what JSON hints have no word for: those are sent as SQL only."""

    sql: str
    as_json: dict | None
    expression: pl.Expr

    @property
    def json_hint(self) -> str | None:
        return None if self.as_json is None else json.dumps(self.as_json, ensure_ascii=False)


@dataclass(frozen=True)
class _Column:
    sql: str
    json_name: str | None
    expression: pl.Expr
    dtype: Any


_COLUMNS = {
    **{name: _Column(name, name, pl.col(name), SCHEMA[name]) for name in VALUES},
    "nested.n": _Column("nested.n", None, pl.col("nested").struct.field("n"), pl.Int64),
    "nested.word": _Column("nested.word", None, pl.col("nested").struct.field("word"), pl.String),
}
_JSON_TYPES = {
    pl.String: "string",
    pl.Date: "date",
    pl.Datetime("us", "UTC"): "timestamp",
    pl.Int64: "long",
    pl.Int32: "int",
    pl.Float64: "double",
    pl.Float32: "float",
    pl.Boolean: "bool",
}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_JSON_OPS = {"=": "equal", "<": "lessThan", "<=": "lessThanOrEqual", ">": "greaterThan", ">=": "greaterThanOrEqual"}


def random_predicates(table: RandomTable) -> st.SearchStrategy[RandomPredicate]:
    """Predicates whose literals are often values of the table."""
    leaves = st.sampled_from(list(_COLUMNS)).flatmap(lambda name: _leaves(name, table))
    return st.recursive(leaves, _compounds, max_leaves=4)


def _compounds(children: st.SearchStrategy[RandomPredicate]) -> st.SearchStrategy[RandomPredicate]:
    pairs = st.tuples(children, children)
    return st.one_of(
        pairs.map(lambda pair: _joined("AND", *pair)),
        pairs.map(lambda pair: _joined("OR", *pair)),
        children.map(_negated),
    )


def _joined(word: str, left: RandomPredicate, right: RandomPredicate) -> RandomPredicate:
    spelled = None
    if left.as_json is not None and right.as_json is not None:
        spelled = {"op": word.lower(), "children": [left.as_json, right.as_json]}
    joined = left.expression & right.expression if word == "AND" else left.expression | right.expression
    return RandomPredicate(f"({left.sql} {word} {right.sql})", spelled, joined)


def _negated(child: RandomPredicate) -> RandomPredicate:
    spelled = None if child.as_json is None else {"op": "not", "children": [child.as_json]}
    return RandomPredicate(f"NOT ({child.sql})", spelled, ~child.expression)


@st.composite
def _leaves(draw: st.DrawFn, name: str, table: RandomTable) -> RandomPredicate:
    column = _COLUMNS[name]
    kind = draw(
        st.sampled_from(["comparison"] * 5 + ["null", "in", "between"] + ["prefix"] * (column.dtype == pl.String))
    )
    if kind == "null":
        return _null_test(column, negated=draw(st.booleans()))
    literals = _literals(name, table)
    if kind == "in":
        values = draw(st.lists(literals, min_size=1, max_size=3))
        sql = f"{column.sql} IN ({', '.join(_sql(value) for value in values)})"
        found = pl.any_horizontal(_compared(column, "=", value) for value in values)
        return RandomPredicate(sql, None, found)
    if kind == "between":
        low, high = draw(literals), draw(literals)
        sql = f"({column.sql} BETWEEN {_sql(low)} AND {_sql(high)})"
        return RandomPredicate(sql, None, _compared(column, ">=", low) & _compared(column, "<=", high))
    if kind == "prefix":
        prefix = draw(literals)[: draw(st.integers(1, 36))].translate(str.maketrans("", "", "%_\\"))
        pattern = prefix.replace("'", "''")
        return RandomPredicate(f"{column.sql} LIKE '{pattern}%'", None, column.expression.str.starts_with(prefix))
    return _comparison(column, draw(st.sampled_from(list(_MIRRORED))), draw(literals), mirrored=draw(st.booleans()))


def _comparison(column: _Column, operator: str, value: Any, *, mirrored: bool) -> RandomPredicate:
    sql = f"{_sql(value)} {_MIRRORED[operator]} {column.sql}" if mirrored else f"{column.sql} {operator} {_sql(value)}"
    spelled = None
    value_type = _JSON_TYPES.get(column.dtype)
    if column.json_name and value_type and operator in _JSON_OPS:
        sides = [
            {"op": "column", "name": column.json_name, "valueType": value_type},
            {"op": "literal", "value": _json_value(value), "valueType": value_type},
        ]
        op = _JSON_OPS[_MIRRORED[operator] if mirrored else operator]
        spelled = {"op": op, "children": sides[::-1] if mirrored else sides}
    return RandomPredicate(sql, spelled, _compared(column, operator, value))


def _null_test(column: _Column, *, negated: bool) -> RandomPredicate:
    sql = f"{column.sql} IS {'NOT ' if negated else ''}NULL"
    spelled: dict | None = None
    value_type = _JSON_TYPES.get(column.dtype)
    if column.json_name and value_type:
        column_op = {"op": "column", "name": column.json_name, "valueType": value_type}
        spelled = {"op": "isNull", "children": [column_op]}
        if negated:
            spelled = {"op": "not", "children": [spelled]}
    test = column.expression.is_not_null() if negated else column.expression.is_null()
    return RandomPredicate(sql, spelled, test)


def _literals(name: str, table: RandomTable) -> st.SearchStrategy[Any]:
    """Values of the column's type, those of the table among them; never NaN, which engines read differently."""
    outer, _, inner = name.partition(".")
    values = [row[outer][inner] if inner else row[outer] for row in table.rows]
    known = [value for value in values if value is not None and not _is_special(value)]
    others = VALUES[inner or name].filter(lambda value: not _is_special(value))
    return st.one_of(st.sampled_from(known), st.sampled_from(known), others) if known else others


def _is_special(value: Any) -> bool:
    return (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, str) and "\\" in value)


def _compared(column: _Column, operator: str, value: Any) -> pl.Expr:
    left, right = column.expression, pl.lit(value, dtype=column.dtype)
    return {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


def _sql(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"'{_moment(value)}'"
    if isinstance(value, date):
        return f"'{value.isoformat()}'"
    return str(value) if isinstance(value, Decimal | int) else f"{value!r}D"


def _json_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _moment(value: datetime) -> str:
    return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
