import json

import polars as pl
import pytest

from lakeshare.datafiles.schema import Field, parse_schema, polars_schema, resolve
from lakeshare.errors import TableUnreadable, UnsupportedTableFeature


def schema(*columns):
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in columns]
    return {"type": "struct", "fields": fields}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("byte", pl.Int8()),
        ("short", pl.Int16()),
        ("integer", pl.Int32()),
        ("long", pl.Int64()),
        ("float", pl.Float32()),
        ("double", pl.Float64()),
        ("boolean", pl.Boolean()),
        ("binary", pl.Binary()),
        ("string", pl.String()),
        ("string collate UTF8_LCASE", pl.String()),
        ("varchar(10)", pl.String()),
        ("date", pl.Date()),
        ("timestamp", pl.Datetime("us", "UTC")),
        ("timestamp_ntz", pl.Datetime("us")),
        ("decimal(10,2)", pl.Decimal(10, 2)),
        ("decimal(38, 18)", pl.Decimal(38, 18)),
        ("decimal", pl.Decimal(10, 0)),
        (
            schema(("a", "long"), ("b", schema(("c", "date")))),
            pl.Struct({"a": pl.Int64, "b": pl.Struct({"c": pl.Date})}),
        ),
        ({"type": "array", "elementType": "short", "containsNull": True}, pl.List(pl.Int16)),
        (
            {"type": "map", "keyType": "string", "valueType": "double", "valueContainsNull": True},
            pl.Map(pl.String, pl.Float64),
        ),
        ({"type": "array", "elementType": schema(("x", "long"))}, pl.List(pl.Struct({"x": pl.Int64}))),
    ],
)
def test_every_spark_type_has_its_polars_type(kind, expected):
    assert polars_schema(json.dumps(schema(("column", kind)))) == {"column": expected}


def test_columns_keep_their_order():
    assert list(polars_schema(json.dumps(schema(("b", "long"), ("a", "long"))))) == ["b", "a"]


@pytest.mark.parametrize("kind", ["variant", "interval day to second", {"type": "array", "elementType": "geometry"}])
def test_a_type_that_is_not_known_is_refused_by_name(kind):
    with pytest.raises(UnsupportedTableFeature, match=r"Column 'c' has the type '(variant|interval|geometry)"):
        polars_schema(json.dumps(schema(("c", kind))))


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "[]", "7", '"long"', "{}", '{"type":"struct"}', '{"type":"struct","fields":[{}]}', "[" * 100_000],
)
def test_what_is_no_schema_is_unreadable(text):
    with pytest.raises(TableUnreadable, match="schema cannot be read"):
        parse_schema(text)


def test_columns_are_resolved_by_path_ignoring_case():
    fields = parse_schema(json.dumps(schema(("A", schema(("B.b", "long"), ("C", "date"))), ("a.d", "long"))))
    assert names(resolve(fields, ("a", "c"))) == ["A", "C"]
    assert names(resolve(fields, ("a.C",))) == ["A", "C"]
    assert names(resolve(fields, ("A.D",))) == ["a.d"]
    assert names(resolve(fields, ("a", "b.B"))) == ["A", "B.b"]
    assert resolve(fields, ("a", "e")) is None
    assert resolve(fields, ("a.d", "x")) is None


def test_a_name_that_could_be_a_column_or_a_path_means_nothing():
    fields = parse_schema(json.dumps(schema(("a", schema(("b", "long"))), ("a.b", "long"))))
    assert resolve(fields, ("a.b",)) is None
    assert names(resolve(fields, ("a", "b"))) == ["a", "b"]


def names(chain: tuple[Field, ...]):
    return [field.name for field in chain]
