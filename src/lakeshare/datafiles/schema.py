"""A table's schema, from the JSON that Spark writes and Delta keeps (`metaData.schemaString`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from lakeshare.errors import TableUnreadable, UnsupportedTableFeature


@dataclass(frozen=True, slots=True)
class ArrayType:
    element: "FieldType"


@dataclass(frozen=True, slots=True)
class MapType:
    key: "FieldType"
    value: "FieldType"


@dataclass(frozen=True, slots=True)
class StructType:
    fields: "tuple[Field, ...]"


FieldType = str | ArrayType | MapType | StructType
"""A primitive type is its name as Spark writes it: "long", "decimal(10,2)"."""


@dataclass(frozen=True, slots=True)
class Field:
    """`physical_name` is the name in files, stats and partition values; it differs where columns are mapped.

    `binary_order`: whether values compare by their own bytes; a string with a collation or of type CHAR does not.
    `was_float`: whether older files may have this double as a float (type widening).
    """

    name: str
    type: FieldType
    physical_name: str
    binary_order: bool = True
    was_float: bool = False


def parse_schema(schema_string: str) -> tuple[Field, ...]:
    """The table's columns in order. Raises TableUnreadable where the text is no schema."""
    try:
        schema = _type(msgspec.json.decode(schema_string))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(repr(error)) from error
    if not isinstance(schema, StructType):
        raise _unreadable(f"its type is {schema!r}")
    return schema.fields


def resolve(fields: Sequence[Field], path: Sequence[str]) -> tuple[Field, ...] | None:
    """The fields from a top-level column down to the one that `path` names, ignoring case.

    A name with dots is a column of that name or a path. None where nothing, or more than one thing, is meant.
    """
    found = _descend(fields, path)
    if len(path) == 1 and "." in path[0]:
        found += _descend(fields, path[0].split("."))
    return found[0] if len(found) == 1 else None


def polars_schema(schema_string: str) -> dict[str, pl.DataType]:
    """The Polars type of every column, in order.

    Raises TableUnreadable where the text is no schema, UnsupportedTableFeature for a type that is not known.
    """
    return {field.name: _polars_type(field.type, field.name) for field in parse_schema(schema_string)}


_CHAR_TYPE = "__CHAR_VARCHAR_TYPE_STRING"
_COLLATIONS = "__COLLATIONS"
_PHYSICAL_NAME = "delta.columnMapping.physicalName"
_TYPE_CHANGES = "delta.typeChanges"
_DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
_STRING_KINDS = re.compile(r"(?:string collate \S+|varchar\(\d+\)|char\(\d+\))", re.IGNORECASE)
_PRIMITIVES: dict[str, pl.DataType] = {
    "byte": pl.Int8(),
    "short": pl.Int16(),
    "integer": pl.Int32(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "binary": pl.Binary(),
    "string": pl.String(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
    "timestamp_ntz": pl.Datetime("us"),
    "void": pl.Null(),
}


def decimal_type(name: str) -> tuple[int, int] | None:
    """Precision and scale of "decimal(p,s)"; plain "decimal" is (10,0). None for other types."""
    if name == "decimal":
        return 10, 0
    match = _DECIMAL.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def _type(json: Any) -> FieldType:
    if isinstance(json, str):
        return json
    match json["type"]:
        case "struct":
            return StructType(tuple(_field(field) for field in json["fields"]))
        case "array":
            return ArrayType(_type(json["elementType"]))
        case "map":
            return MapType(_type(json["keyType"]), _type(json["valueType"]))
        case "udt":
            return _type(json["sqlType"])
    return str(json["type"])


def _field(json: Any) -> Field:
    metadata = json.get("metadata") or {}
    name = str(json["name"])
    char = str(metadata.get(_CHAR_TYPE, "")).lower().startswith("char")
    return Field(
        name=name,
        type=_type(json["type"]),
        physical_name=str(metadata.get(_PHYSICAL_NAME, name)),
        binary_order=not char and not metadata.get(_COLLATIONS),
        was_float=any(change.get("fromType") == "float" for change in metadata.get(_TYPE_CHANGES) or ()),
    )


def _descend(fields: Sequence[Field], path: Sequence[str]) -> list[tuple[Field, ...]]:
    found: list[tuple[Field, ...]] = []
    for field in fields:
        if field.name.casefold() != path[0].casefold():
            continue
        if len(path) == 1:
            found.append((field,))
        elif isinstance(field.type, StructType):
            found += [(field, *below) for below in _descend(field.type.fields, path[1:])]
    return found


def _polars_type(kind: FieldType, column: str) -> pl.DataType:
    match kind:
        case StructType(fields):
            return pl.Struct({field.name: _polars_type(field.type, column) for field in fields})
        case ArrayType(element):
            return pl.List(_polars_type(element, column))
        case MapType(key, value):
            return pl.Map(_polars_type(key, column), _polars_type(value, column))
    if (decimal := decimal_type(kind)) is not None:
        return pl.Decimal(*decimal)
    if _STRING_KINDS.fullmatch(kind):
        return pl.String()
    if kind not in _PRIMITIVES:
        raise UnsupportedTableFeature(
            f"Column {column!r} has the type {kind!r}, which Lakeshare does not read.",
            hint="Ask the provider to share a view of the table without it.",
        )
    return _PRIMITIVES[kind]


def _unreadable(detail: str) -> TableUnreadable:
    return TableUnreadable(
        "The table's schema cannot be read.",
        hint="Ask the provider to repair the table's metadata.",
        detail=f"schemaString: {detail}",
    )
