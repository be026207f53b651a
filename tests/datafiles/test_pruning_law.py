"""A file that holds a matching row is never dropped: random tables, files and predicates against a naive evaluator."""

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import polars as pl
from hypothesis import HealthCheck, given, settings, strategies as st

from lakeshare.protocol.predicates import And, Column, Comparison, In, IsNull, Literal, Not, Or, StartsWith, Unknown
from listed import pruned

TYPES = {
    "region": "string",
    "day": "date",
    "hour": "timestamp",
    "code": "integer",
    "n": "long",
    "x": "double",
    "f": "float",
    "price": "decimal(20,2)",
    "name": "string",
    "born": "date",
    "seen": "timestamp",
    "local": "timestamp_ntz",
    "ok": "boolean",
}
PARTITIONS = ("region", "day", "hour", "code")
SCHEMA = json.dumps(
    {
        "type": "struct",
        "fields": [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in TYPES.items()],
    }
)
LONG = "ßéñç" * 8  # 32 characters, 64 bytes

singles = st.floats(width=32, allow_infinity=False)
texts = st.one_of(
    st.sampled_from(["", "a", "ab", "abc", "b", "é", "\uffff", "\U0001f600", "z" * 40, LONG, LONG + "ß", "a\x00"]),
    st.text("ab\u00e9\U0001f600\U0010ffff", max_size=40),
)
dates = st.one_of(st.dates(date(1969, 12, 28), date(1970, 1, 5)), st.sampled_from([date(1, 1, 1), date(9999, 12, 31)]))
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall-clock time is what is tested
instants = st.one_of(
    st.datetimes(EPOCH - timedelta(seconds=1), EPOCH + timedelta(seconds=1)),
    st.datetimes(EPOCH - timedelta(days=4), EPOCH + timedelta(days=4)),
)
VALUES = {
    "string": texts.filter(bool),
    "date": dates,
    "timestamp": instants,
    "timestamp_ntz": instants,
    "integer": st.integers(-3, 3),
    "long": st.one_of(st.integers(-3, 3), st.integers(2**53 - 2, 2**53 + 2), st.sampled_from([-(2**63), 2**63 - 1])),
    "double": st.one_of(st.sampled_from([math.nan, -0.0, 0.0, 0.1, 2.5, math.inf, -math.inf]), st.floats(-3, 3)),
    "float": st.one_of(singles, st.just(math.nan)),
    "decimal(20,2)": st.one_of(
        st.decimals(-3, 3, places=2),
        st.sampled_from([Decimal("123456789012345678.90"), Decimal("123456789012345678.91")]),
    ),
    "boolean": st.booleans(),
}
LITERALS = {
    **VALUES,
    "string": texts,
    "timestamp": instants.flatmap(
        lambda t: st.sampled_from([t.replace(tzinfo=UTC), t.replace(tzinfo=UTC, microsecond=0)])
    ),
    "integer": st.one_of(st.integers(-3, 3), st.decimals(-3, 3, places=1), st.sampled_from([10**30, "2", "x"])),
    "long": st.one_of(VALUES["long"], st.decimals(-3, 3, places=1)),
    "double": VALUES["double"].filter(math.isfinite),
    "float": st.one_of(singles, st.sampled_from([0.1, 1e300])).filter(math.isfinite),
    "decimal(20,2)": st.one_of(VALUES["decimal(20,2)"], st.decimals(-3, 3, places=3), st.integers(-3, 3)),
}


@st.composite
def cases(draw):
    """Files as (rows, writer), each with one value in every partition column, and predicates on one or two columns,
    whose literals are often values of the table."""
    names = draw(st.lists(st.sampled_from(list(TYPES)), min_size=1, max_size=2, unique=True))
    files = []
    for _ in range(draw(st.integers(1, 3))):
        content = draw(st.lists(rows(names), min_size=1, max_size=3))
        partition = {name: content[0][name] for name in PARTITIONS}
        files.append(([{**row, **partition} for row in content], draw(writers)))
    literals = {name: near([row[name] for content, _ in files for row in content], TYPES[name]) for name in names}
    return files, draw(st.lists(predicates(literals, 2), min_size=1, max_size=2))


writers = st.sampled_from(["spark", "spark", "spark", "arrow", "arrow", "arrow", "none", "garbage"])


def rows(names):
    values = {name: st.one_of(*[VALUES[TYPES[name]]] * 5, st.none()) for name in names}
    return st.fixed_dictionaries({**dict.fromkeys(TYPES, st.none()), **values})


def near(values, kind):
    """Literals: the values themselves, what is left of them where they are cut, any others, and NULL."""
    known = [value for value in values if value is not None and not (isinstance(value, float) and math.isnan(value))]
    if kind == "timestamp":
        known = [value.replace(tzinfo=UTC) for value in known]
        known += [value.replace(microsecond=value.microsecond // 1000 * 1000) for value in known]
    if kind in {"integer", "long"}:
        known += [value + Decimal("0.5") for value in known]
    if kind == "string":
        known += [value[:32] for value in known]
    choices = [LITERALS[kind]] * 3 + ([st.sampled_from(known)] * 6 if known else [])
    return st.one_of(st.none(), *choices).map(Literal)


def predicates(literals, depth):
    leaves = st.sampled_from(list(literals)).flatmap(lambda name: leaf_predicates(name, literals[name]))
    if depth == 0:
        return leaves
    below = predicates(literals, depth - 1)
    several = st.lists(below, min_size=2, max_size=3).map(tuple)
    return st.one_of(leaves, leaves, leaves, below.map(Not), several.map(And), several.map(Or))


def leaf_predicates(name, literals):
    column = st.sampled_from([Column((name,)), Column((name.upper(),))])
    comparisons = st.builds(Comparison, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), column, literals)
    lists = st.builds(In, column, st.lists(literals, min_size=1, max_size=4).map(tuple))
    constants = st.sampled_from([Unknown(), Literal(value=True), Literal(value=False), Literal(None)])
    prefixes = [st.builds(StartsWith, column, texts)] * 2 if TYPES[name] == "string" else []
    return st.one_of(*[comparisons] * 5, *[lists] * 2, st.builds(IsNull, column), constants, *prefixes)


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases(), st.booleans())
def test_no_file_with_a_matching_row_is_dropped(case, unknown):
    table, hints = case
    kept = set(pruned(frame(table), hints, SCHEMA, PARTITIONS)["path"])
    for number, (content, _) in enumerate(table):
        if any(all(truth(hint, row, unknown) is True for hint in hints) for row in content):
            assert str(number) in kept


def frame(table):
    return pl.DataFrame(
        {
            "path": [str(number) for number in range(len(table))],
            "stats": [stats(content, writer) for content, writer in table],
            "partition_values": [
                {name: partition_text(content[0][name]) for name in PARTITIONS} for content, _ in table
            ],
        },
        schema_overrides={"stats": pl.String, "partition_values": pl.Struct(dict.fromkeys(PARTITIONS, pl.String))},
    )


def partition_text(value):
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds") + "Z"
    return None if value is None else str(value)


def stats(content, writer):
    """As Spark writes them: strings cut to 32 characters and given a tie-breaker, timestamps to milliseconds, NaN above
    all; or as writers over Parquet statistics do: NaN left out, strings cut without a tie-breaker, microseconds."""
    if writer == "none":
        return None
    if writer == "garbage":
        return '{"numRecords": "many", "minValues": [1]'
    lows, highs, nulls = {}, {}, {}
    for name, kind in TYPES.items():
        if name in PARTITIONS:
            continue
        values = [row[name] for row in content if row[name] is not None]
        nulls[name] = len(content) - len(values)
        if writer == "arrow":
            values = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
        if values and (kind != "boolean" or writer == "arrow"):
            lows[name] = as_json(min(values, key=order), kind, writer, top=False)
            highs[name] = as_json(max(values, key=order), kind, writer, top=True)
    return write({"numRecords": len(content), "minValues": lows, "maxValues": highs, "nullCount": nulls})


def as_json(value, kind, writer, *, top):
    if isinstance(value, datetime):
        shown = value.isoformat(timespec="milliseconds" if writer == "spark" else "microseconds")
        return shown + ("Z" if kind == "timestamp" else "")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, str) and len(value) > 32:
        return value[:32] + ("\U0010ffff" if top and writer == "spark" else "")
    return value


def write(value):
    """JSON with decimals as exact numbers, which json.dumps cannot write."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{write(item)}" for key, item in value.items()) + "}"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def order(value):
    """Spark's order: NaN above all, strings by UTF-8 bytes."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, float):
        return (math.isnan(value), 0.0 if math.isnan(value) else value)
    return value


def truth(predicate, row, unknown):
    """TRUE, FALSE or NULL of one row, by SQL's rules; `unknown` is what the parts say that were not understood."""
    result = None
    match predicate:
        case Literal(value):
            result = value
        case Unknown():
            result = unknown
        case Not(child):
            below = truth(child, row, unknown)
            result = None if below is None else not below
        case And(children):
            results = [truth(child, row, unknown) for child in children]
            result = False if False in results else None if None in results else True
        case Or(children):
            results = [truth(child, row, unknown) for child in children]
            result = True if True in results else None if None in results else False
        case IsNull(column):
            result = value_of(row, column) is None
        case StartsWith(column, prefix):
            value = value_of(row, column)
            result = None if value is None else value.startswith(prefix)
        case In(column, values):
            result = truth(Or(tuple(Comparison("=", column, value) for value in values)), row, unknown)
        case Comparison(operator, column, literal):
            result = compared(operator, value_of(row, column), literal.value, TYPES[column.path[0].lower()])
    return result


def value_of(row, column):
    return row[column.path[0].lower()]


def compared(operator, value, literal, kind):
    if value is None or literal is None:
        return None
    if isinstance(literal, str) and kind in {"integer", "long"}:
        if not literal.lstrip("-").isdigit():
            return None
        literal = int(literal)
    if kind in {"double", "float"}:
        literal = float(literal)
    if kind == "timestamp":
        value = value.replace(tzinfo=UTC)
    left, right = order(value), order(literal)
    return {
        "=": left == right,
        "<>": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[operator]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(instants, min_size=1, max_size=3),
    instants,
    st.integers(-18, 18),
    st.sampled_from(["<", "<=", "=", ">", ">="]),
)
def test_a_wall_clock_literal_keeps_the_files_of_every_session_zone(values, literal, offset, operator):
    content = [{**dict.fromkeys(TYPES), "seen": value} for value in values]
    hint = Comparison(operator, Column(("seen",)), Literal(literal))
    there = literal - timedelta(hours=offset)
    if any(compared(operator, value, there, "timestamp_ntz") for value in values):
        assert pruned(frame([(content, "arrow")]), [hint], SCHEMA, PARTITIONS).height == 1
