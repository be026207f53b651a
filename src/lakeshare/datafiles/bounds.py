"""What is known of a column's values in every file, from partition values and from stats.

Only the columns that a predicate names are read from the stats, by a typed decoder made for them; parsing all of the
stats costs ten to fifty times as much.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from operator import attrgetter
from typing import Any

import msgspec
import polars as pl

from lakeshare.datafiles.intervals import DOUBLES, INTEGERS, TIMESTAMPS, scaled
from lakeshare.datafiles.schema import decimal_type

Path = tuple[str, ...]
"""A column's names from the top down."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """One row a file, as wide as is needed to be sure. `low` and `high` are null where nothing is known.

    `low`, `high`: Int64, Int128, Float64 or String, as intervals.py says.
    `may_be_null`, `may_have_value`: Boolean; whether the file may hold a NULL, and anything else.
    `may_be_nan`: doubles above `high` are possible, because writers leave NaN out of the stats.
    `high_is_prefix`: Boolean; anything that starts with `high` is possible, because writers cut long strings.
    `instant`: Boolean, for timestamps; the values are instants, else wall-clock times.
    """

    low: pl.Series
    high: pl.Series
    may_be_null: pl.Series
    may_have_value: pl.Series
    may_be_nan: bool = False
    high_is_prefix: pl.Series | None = None
    instant: pl.Series | None = None

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return sum(int(series.estimated_size()) for series in self.frame())

    def frame(self) -> pl.DataFrame:
        """The series by their names, without those that are None."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return pl.DataFrame({name: value for name, value in values.items() if isinstance(value, pl.Series)})

    def with_frame(self, frame: pl.DataFrame) -> "Bounds":
        """What is said of other files of the same column, as `frame` has it."""
        series: dict[str, Any] = dict(zip(frame.columns, frame, strict=True))
        return replace(self, **series)

    def take(self, rows: pl.Series) -> "Bounds":
        """Those rows (UInt32), in their order."""
        return self.with_frame(self.frame()[rows])


def partition_bounds(raw: pl.Series, type_name: str) -> Bounds:
    """The bounds of a partition column from its values' text, where null and the empty string are NULL.

    Text that does not read as the type may be NULL or any value: readers differ.
    """
    raw = raw.set(raw == "", None)
    values, instant = _from_text(raw, type_name)
    return Bounds(
        low=values,
        high=values,
        may_be_null=values.is_null(),
        may_have_value=raw.is_not_null(),
        instant=instant,
    )


def stats_bounds(stats: pl.Series, columns: Mapping[Path, str]) -> dict[Path, Bounds]:
    """The bounds of some data columns from the files' raw stats.

    `columns`: the names in the stats from the top down, to the column's Spark type. Stats that are null, are no JSON,
    or have another type for one of the columns tell nothing. A column with a double quote, a backslash or a control
    character in its name is left out: msgspec names no field so.
    """
    columns = {path: name for path, name in columns.items() if not any(_UNNAMEABLE.search(part) for part in path)}
    if not columns:
        return {}
    values, attributes = _struct({path: _json_type(type_name) for path, type_name in columns.items()})
    nulls, _ = _struct(dict.fromkeys(columns, int | None))
    decoder = msgspec.json.Decoder(_stats_struct(values, nulls))
    parts: dict[Path, list[pl.DataFrame]] = {path: [] for path in columns}
    for start in range(0, max(stats.len(), 1), _CHUNK_ROWS):
        rows = list(_decoded(stats.slice(start, _CHUNK_ROWS), decoder))
        for path, type_name in columns.items():
            parts[path].append(_column(rows, attributes[path], type_name))
    return {path: _bounds(pl.concat(frames), columns[path]) for path, frames in parts.items()}


def with_floats(bounds: Bounds) -> Bounds:
    """The bounds of doubles where some files still have them as floats.

    The stats of those files tell a float by its shortest text: 0.1 there is the float nearest to 0.1, which as a double
    is 0.10000000149011612. A partition value is no float: it is read from its text, as a double.
    """
    low, high = (side.cast(pl.Float32).cast(pl.Float64) for side in (bounds.low, bounds.high))
    return replace(
        bounds,
        low=pl.select(pl.min_horizontal(bounds.low, low)).to_series(),
        high=pl.select(pl.max_horizontal(bounds.high, high)).to_series(),
    )


def record_counts(stats: pl.Series) -> pl.Series:
    """The files' `numRecords` as Int64, null where the stats do not tell."""
    decoder = msgspec.json.Decoder(_RecordCount)
    return _series([row.numRecords for row in _decoded(stats, decoder)], pl.Int64)


class _RecordCount(msgspec.Struct, frozen=True, gc=False):
    numRecords: int | None = None  # noqa: N815 - Delta's spelling


_UNNAMEABLE = re.compile(r'["\\\x00-\x1f]')
_CHUNK_ROWS = 65_536
_CUT_BYTES = 32
"""Delta cuts strings to 32 characters, arrow's writers to 64 bytes: nothing shorter than this was cut."""
_CUT_MICROSECONDS = 999
"""Delta writes timestamps in milliseconds."""
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_INSTANT = "%Y-%m-%dT%H:%M:%S%.f%#z"
_WALL_CLOCK = "%Y-%m-%dT%H:%M:%S%.f"
_MICROSECONDS_A_DAY = 86_400_000_000


def _json_type(type_name: str) -> Any:
    if type_name in INTEGERS:
        return int | None
    if type_name in DOUBLES:
        return float | str | None
    if decimal_type(type_name):
        return Decimal | None
    return bool | None if type_name == "boolean" else str | None


def _stats_struct(values: type[msgspec.Struct], nulls: type[msgspec.Struct]) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        "Stats",
        [
            ("numRecords", int | None, None),
            ("tightBounds", bool | None, None),
            ("minValues", values, msgspec.field(default_factory=values)),
            ("maxValues", values, msgspec.field(default_factory=values)),
            ("nullCount", nulls, msgspec.field(default_factory=nulls)),
        ],
        gc=False,
    )


def _struct(types: Mapping[Path, Any]) -> tuple[type[msgspec.Struct], dict[Path, str]]:
    """A struct for JSON objects that are nested as the paths say, and where in it every path is ("f0.f1")."""
    fields: list[Any] = []
    attributes: dict[Path, str] = {}
    for at, name in enumerate(dict.fromkeys(path[0] for path in types)):
        below = {path[1:]: kind for path, kind in types.items() if path[0] == name}
        if () in below:
            fields.append((f"f{at}", below[()], msgspec.field(name=name, default=None)))
            attributes[(name,)] = f"f{at}"
        else:
            nested, inner = _struct(below)
            fields.append((f"f{at}", nested, msgspec.field(name=name, default_factory=nested)))
            attributes |= {(name, *path): f"f{at}.{attribute}" for path, attribute in inner.items()}
    return msgspec.defstruct("Columns", fields, gc=False), attributes


def _decoded(stats: pl.Series, decoder: msgspec.json.Decoder[Any]) -> Iterator[Any]:
    nothing = decoder.type()
    decode = decoder.decode
    for text in stats:
        if text is None:
            yield nothing
            continue
        try:
            yield decode(text)
        except (msgspec.DecodeError, RecursionError):
            yield nothing


def _column(rows: Sequence[Any], attribute: str, type_name: str) -> pl.DataFrame:
    lows = list(map(attrgetter(f"minValues.{attribute}"), rows))
    highs = list(map(attrgetter(f"maxValues.{attribute}"), rows))
    nulls = _series(list(map(attrgetter(f"nullCount.{attribute}"), rows)), pl.Int64)
    records = _series([row.numRecords for row in rows], pl.Int64)
    loose = pl.Series([row.tightBounds is False for row in rows], dtype=pl.Boolean)
    return pl.DataFrame(
        {
            "low": _from_json(lows, type_name, rounding=ROUND_FLOOR),
            "high": _from_json(highs, type_name, rounding=ROUND_CEILING),
            "may_be_null": (nulls != 0).fill_null(value=True),
            "may_have_value": (nulls != records).fill_null(value=True) | loose,
        }
    )


def _from_json(values: list[Any], type_name: str, *, rounding: str) -> pl.Series:
    if decimal := decimal_type(type_name):
        return _series([None if v is None else _decimal_bound(v, decimal[1], rounding) for v in values], pl.Int128)
    if type_name in DOUBLES:
        return _doubles(_series([v if isinstance(v, float) else None for v in values], pl.Float64), type_name)
    if type_name in INTEGERS or type_name == "boolean":
        return _series(values, pl.Int64)
    values_read, instant = _from_text(_series(values, pl.String), type_name)
    # A wall-clock time is no bound of an instant: it is the writer's session that knows its zone.
    return values_read.set(~instant, None) if type_name == "timestamp" and instant is not None else values_read


def _decimal_bound(value: Decimal, scale: int, rounding: str) -> int | None:
    """Times 10 to the scale. Some writers (deltalake) write decimals as doubles: where those are too coarse for the
    scale, the value may lie a double's step further out."""
    step = Decimal(math.ulp(float(value)))
    may_be_double = len(value.normalize(_EXACT).as_tuple().digits) <= _DOUBLE_DIGITS
    if may_be_double and step >= Decimal(1).scaleb(-scale):
        widen = _EXACT.subtract if rounding == ROUND_FLOOR else _EXACT.add
        value = widen(value, step)
    return scaled(value, scale, rounding)


_EXACT = Context(prec=400)
_DOUBLE_DIGITS = 17


def _bounds(frame: pl.DataFrame, type_name: str) -> Bounds:
    low, high = frame["low"], frame["high"]
    if type_name in TIMESTAMPS:
        # Before 1970 some writers cut towards zero, which is up.
        low = low - (low < 0).cast(pl.Int64) * _CUT_MICROSECONDS
        high = high + _CUT_MICROSECONDS
    return Bounds(
        low=low,
        high=high,
        may_be_null=frame["may_be_null"],
        may_have_value=frame["may_have_value"],
        may_be_nan=type_name in DOUBLES,
        high_is_prefix=(high.str.len_bytes() >= _CUT_BYTES) if type_name == "string" else None,
        instant=pl.repeat(type_name == "timestamp", frame.height, eager=True) if type_name in TIMESTAMPS else None,
    )


def _from_text(raw: pl.Series, type_name: str) -> tuple[pl.Series, pl.Series | None]:
    """The values, null where the text does not read as the type, and for timestamps which of them are instants."""
    if type_name in TIMESTAMPS:
        return _timestamps(raw, type_name)
    if type_name in INTEGERS:
        values = raw.cast(pl.Int64, strict=False)
    elif type_name in DOUBLES:
        values = _doubles(raw.cast(pl.Float64, strict=False), type_name)
    elif decimal := decimal_type(type_name):
        values = raw.cast(pl.Decimal(38, decimal[1]), strict=False).to_physical()
    elif type_name == "boolean":
        values = raw.str.to_lowercase().replace_strict({"true": 1, "false": 0}, default=None, return_dtype=pl.Int64)
    elif type_name == "date":
        values = _days(raw)
    elif type_name == "string":
        values = raw
    else:
        values = pl.repeat(None, raw.len(), dtype=pl.String, eager=True)
    return values, None


def _days(raw: pl.Series) -> pl.Series:
    days = raw.str.to_date("%Y-%m-%d", strict=False).cast(pl.Int64)
    return days.set(~raw.str.contains(_DATE), None)


def _timestamps(raw: pl.Series, type_name: str) -> tuple[pl.Series, pl.Series]:
    text = raw.str.replace(" ", "T", literal=True)
    instants = text.str.to_datetime(_INSTANT, time_unit="us", time_zone="UTC", strict=False).cast(pl.Int64)
    wall_clock = text.str.to_datetime(_WALL_CLOCK, time_unit="us", strict=False).cast(pl.Int64)
    wall_clock = wall_clock.fill_null(_days(raw) * _MICROSECONDS_A_DAY)
    if type_name == "timestamp":
        return instants.fill_null(wall_clock), instants.is_not_null()
    # Some writers end a wall-clock time with a Z that it should not have.
    return wall_clock.fill_null(instants.set(~text.str.ends_with("Z"), None)), wall_clock.is_null() & False


def _doubles(values: pl.Series, type_name: str) -> pl.Series:
    if type_name == "float":
        values = values.cast(pl.Float32).cast(pl.Float64)
    return values.set(~values.is_finite(), None)


def _series(values: list[Any], dtype: pl.DataType | type[pl.DataType]) -> pl.Series:
    return pl.Series(values, dtype=dtype, strict=False)
