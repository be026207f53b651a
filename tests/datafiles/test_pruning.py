"""Decision tables: which files go, and which must stay."""

import json

import polars as pl
import pytest

from lakeshare.datafiles.pruning import limit
from lakeshare.protocol.predicates import And, Column, Comparison, Literal, parse_json_hint, parse_sql_hint
from listed import listed, pruned

TYPES = {
    "region": "string",
    "day": "date",
    "hour": "timestamp",
    "rate": "double",
    "flag": "boolean",
    "n": "long",
    "i": "integer",
    "x": "double",
    "f": "float",
    "price": "decimal(10,2)",
    "wide": "decimal(38,2)",
    "s": "string",
    "d": "date",
    "ts": "timestamp",
    "local": "timestamp_ntz",
    "ok": "boolean",
    "a.b": "long",
    "it's odd": "long",
    'say "hi"\\': "long",
}


def schema(types=TYPES, **metadata):
    point = {"type": "struct", "fields": [{"name": "Lat", "type": "double", "nullable": True, "metadata": {}}]}
    fields = [
        {"name": name, "type": kind, "nullable": True, "metadata": metadata.get(name, {})}
        for name, kind in types.items()
    ]
    return json.dumps(
        {"type": "struct", "fields": [*fields, {"name": "Point", "type": point, "nullable": True, "metadata": {}}]}
    )


def kept(hint, stats=None, partition=None, **options):
    """Whether the one file stays."""
    predicate = parse_sql_hint(hint) if isinstance(hint, str) else hint
    assert predicate is not None, hint
    columns = {"path": ["a"], "stats": pl.Series([stats], dtype=pl.String)}
    if partition is not None:
        columns["partition_values"] = pl.Series([partition], dtype=pl.Struct(dict.fromkeys(partition, pl.String)))
    return pruned(pl.DataFrame(columns), [predicate], schema(**options), list(partition or ())).height == 1


def stats(column, low, high, nulls=0, records=3, **more):
    """`low` and `high` as JSON text."""
    name = json.dumps(column)
    extra = "".join(f",{json.dumps(key)}:{json.dumps(value)}" for key, value in more.items())
    return (
        f'{{"numRecords":{records},"minValues":{{{name}:{low}}},"maxValues":{{{name}:{high}}},'
        f'"nullCount":{{{name}:{nulls}}}{extra}}}'
    )


@pytest.mark.parametrize(
    ("hint", "column", "low", "high", "stays"),
    [
        ("n = 5", "n", 1, 4, False),
        ("n = 5", "n", 1, 5, True),
        ("N = 5", "n", 6, 9, False),
        ("n <> 5", "n", 5, 5, False),
        ("NOT n = 5", "n", 5, 5, False),
        ("n <> 5", "n", 5, 6, True),
        ("NOT n > 5", "n", 5, 6, True),
        ("NOT n > 5", "n", 6, 6, False),
        ("FALSE OR n = 5", "n", 6, 7, False),
        ("5 > n", "n", 5, 9, False),
        ("5 >= n", "n", 5, 9, True),
        ("NOT (n < 5 OR n > 7)", "n", 8, 9, False),
        ("n BETWEEN 5 AND 7", "n", 8, 9, False),
        ("n NOT BETWEEN 5 AND 7", "n", 5, 7, False),
        ("n NOT BETWEEN 5 AND 7", "n", 5, 8, True),
        ("n IN (1, 5, 9)", "n", 6, 8, False),
        ("n IN (1, 5, 9)", "n", 6, 9, True),
        ("n IN (1, NULL)", "n", 6, 9, False),
        ("n NOT IN (1, 5)", "n", 5, 5, False),
        ("n NOT IN (1, 5)", "n", 4, 5, True),
        ("n NOT IN (1, NULL)", "n", 4, 5, False),
        ("n = NULL", "n", 4, 5, False),
        ("n <=> 5", "n", 6, 7, False),
        ("n = 9007199254740993", "n", 9007199254740992, 9007199254740992, False),
        ("n = 9007199254740993", "n", 9007199254740993, 9007199254740993, True),
        ("n > 2.5", "n", 1, 2, False),
        ("n > 2.5", "n", 1, 3, True),
        ("n > 2.5", "n", 3, 3, True),
        ("n < 2.5", "n", 2, 2, True),
        ("n = 'abc'", "n", 1, 2, True),
        ("n = '7'", "n", 1, 2, False),
        ("n > 99999999999999999999", "n", 1, 2, True),
        ("CAST(n AS INT) = 5", "n", 6, 7, False),
        ("CAST(n AS INT) = 5", "n", 6, 4294967301, True),
        ("CAST(i AS BIGINT) = 5", "i", 6, 7, False),
        ("CAST(i AS DOUBLE) > 5.5D", "i", 1, 5, False),
        ("CAST(n AS STRING) = '5'", "n", 6, 7, True),
        ("x = 2.0", "x", 3.0, 4.0, False),
        ("x < 2.0", "x", 2.5, 4.0, False),
        ("x > 5", "x", 1.0, 4.0, True),  # a NaN that the stats leave out is above 5
        ("x <> 1", "x", 1.0, 1.0, True),
        ("x > 5 AND x < 9", "x", 1.0, 4.0, False),
        ("x BETWEEN 5 AND 9", "x", 1.0, 4.0, False),
        ("x > 0.1 AND x < 1", "x", 0.1, 0.1, True),  # the double 0.1 is above the decimal 0.1
        ("x > 5 OR x < 0", "x", 1.0, 4.0, True),
        ("x = 5", "x", '"NaN"', '"NaN"', True),
        ("x = 0.1", "x", 0.1, 0.1, True),
        ("f = 0.1", "f", 0.1, 0.1, True),
        ("f = 0.10000000149011612", "f", 0.1, 0.1, True),
        ("f < 0.5", "f", 0.6, 0.7, False),
        ("price = 1.25", "price", 1.26, 2, False),
        ("price = 1.255", "price", 1.25, 1.25, True),
        ("price > 1.255", "price", 1.26, 1.26, True),
        ("price < 1.5e0", "price", 1.51, 2, False),
        ("wide = 123456789012345678901234567890.12", "wide", *["123456789012345678901234567890.13"] * 2, False),
        ("wide = 123456789012345678901234567890.12", "wide", *["123456789012345678901234567890.12"] * 2, True),
        ("wide > 0", "wide", "0E-18", "0E-18", False),
        ("s = 'b'", "s", '"c"', '"d"', False),
        ("s = 'b'", "s", '"a"', '"d"', True),
        ("s = 5", "s", '"a"', '"d"', True),
        ("s > '\U0001f600'", "s", '"a"', '"\uffff"', False),  # by UTF-8 bytes, not by UTF-16 units
        ("s LIKE 'ab%'", "s", '"ac"', '"d"', False),
        ("s LIKE 'ab%'", "s", '"aa"', '"aaz"', False),
        ("s LIKE 'ab%'", "s", '"abz"', '"d"', True),
        ("s NOT LIKE 'ab%'", "s", '"aba"', '"abz"', False),
        ("s NOT LIKE 'ab%'", "s", '"aba"', '"ac"', True),
        ("s LIKE '%b'", "s", '"c"', '"d"', None),
        (f"s = '{'m' * 40}'", "s", '"a"', f'"{"m" * 32}"', True),  # cut without a tie-breaker
        (f"s > '{'m' * 40}'", "s", '"a"', f'"{"m" * 32}"', True),
        (f"s > '{'n' * 40}'", "s", '"a"', f'"{"m" * 32}"', False),
        (f"s <> '{'m' * 32}'", "s", f'"{"m" * 32}"', f'"{"m" * 32}"', True),
        (f"s LIKE '{'m' * 33}%'", "s", '"a"', f'"{"m" * 32}"', True),
        (f"s IN ('{'m' * 40}', 'zz')", "s", '"b"', f'"{"m" * 32}"', True),
        ("d = DATE '2024-03-01'", "d", '"2024-03-02"', '"2024-04-01"', False),
        ("d = '2024-03-01'", "d", '"2024-03-02"', '"2024-04-01"', False),
        ("d = '2024-3-2'", "d", '"2024-03-02"', '"2024-04-01"', True),
        ("d < DATE '1969-12-31'", "d", '"1969-12-31"', '"1970-01-01"', False),
        ("d > DATE '9999-12-31'", "d", '"2024-01-01"', '"+10000-01-01"', True),
        ("d = TIMESTAMP '2024-03-01 00:00:00'", "d", '"2024-03-02"', '"2024-04-01"', True),
        ("CAST(d AS STRING) = '2024-03-01'", "d", '"2024-03-02"', '"2024-04-01"', False),
        ("CAST(d AS STRING) < '2024-3-1'", "d", '"2024-03-02"', '"2024-04-01"', True),
        ("ts > '2024-03-01T12:00:00.5Z'", "ts", *['"2024-03-01T12:00:00.499Z"'] * 2, False),
        ("ts > '2024-03-01T12:00:00.500500Z'", "ts", *['"2024-03-01T12:00:00.500Z"'] * 2, True),
        ("ts = '2024-03-01T14:00:00+02:00'", "ts", *['"2024-03-01T12:00:00.000Z"'] * 2, True),
        ("ts = '2024-03-01T14:00:00+02:00'", "ts", *['"2024-03-01T04:00:00.000-08:00"'] * 2, True),
        ("ts = '2024-03-01T14:00:01+02:00'", "ts", *['"2024-03-01T04:00:00.000-08:00"'] * 2, False),
        ("ts < '1969-12-31T23:59:59.9995Z'", "ts", *['"1970-01-01T00:00:00.000Z"'] * 2, False),
        ("ts > TIMESTAMP '2024-03-01 12:00:00'", "ts", *['"2024-03-01T00:00:00.000Z"'] * 2, True),
        ("ts > TIMESTAMP '2024-03-03 12:00:00'", "ts", *['"2024-03-01T00:00:00.000Z"'] * 2, False),
        ("ts > DATE '2024-03-03'", "ts", *['"2024-03-01T00:00:00.000Z"'] * 2, False),
        ("ts > '2024-03-03T00:00:00Z'", "ts", *['"2024-03-01T00:00:00.000"'] * 2, True),
        ("local > TIMESTAMP_NTZ '2024-03-01 12:00:00'", "local", *['"2024-03-01T12:00:00"'] * 2, True),
        ("local > TIMESTAMP_NTZ '2024-03-01 12:00:01'", "local", *['"2024-03-01T12:00:00"'] * 2, False),
        ("ok", "ok", "false", "false", False),
        ("NOT ok", "ok", "false", "true", True),
        ("NOT ok", "ok", "true", "true", False),
        ("`a.b` = 5", "a.b", 6, 7, False),
        ("`it's odd` = 5", "it's odd", 6, 7, False),
        ("nowhere = 5", "n", 6, 7, True),
        ("f(n) = 5 AND n = 5", "n", 6, 7, False),
        ("f(n) = 5 OR n = 5", "n", 6, 7, True),
        ("NOT (f(n) = 5 AND n = 5)", "n", 5, 5, True),
        ("NOT (f(n) = 5 OR n = 5)", "n", 5, 5, False),
    ],
)
def test_a_file_goes_only_where_its_stats_rule_the_predicate_out(hint, column, low, high, stays):
    if stays is None:
        assert parse_sql_hint(hint) is None
    else:
        assert kept(hint, stats(column, low, high)) is stays


@pytest.mark.parametrize(
    ("hint", "nulls", "tight", "stays"),
    [
        ("n IS NULL", 0, True, False),
        ("n IS NULL", 0, False, False),
        ("n IS NULL", 1, True, True),
        ("n IS NOT NULL", 3, True, False),
        ("n IS NOT NULL", 3, False, True),
        ("n IS NOT NULL", 2, True, True),
        ("n = 1", 3, True, False),
        ("n = 1", 3, False, True),
        ("NOT n = 1", 3, True, False),
        ("n <> 1", 3, True, False),
        ("n <=> NULL", 0, True, False),
        ("NOT (n <=> 5)", 3, True, True),
        ("n IN (1)", 3, True, False),
    ],
)
def test_null_counts_decide_where_they_are_exact(hint, nulls, tight, stays):
    low, high = ("null", "null") if nulls == 3 else (1, 2)
    assert kept(hint, stats("n", low, high, nulls, tightBounds=tight)) is stays


@pytest.mark.parametrize(
    "raw", [None, "", "garbage", "null", "[]", "{}", '{"minValues":null}', '{"minValues":{"n":"x"}}', "[" * 5_000]
)
def test_stats_that_tell_nothing_keep_the_file(raw):
    assert kept("n = 5 AND s = 'a' AND n IS NULL AND NOT (s IS NULL)", raw)


@pytest.mark.parametrize(
    ("hint", "column", "raw", "stays"),
    [
        ("region = 'eu'", "region", "eu", True),
        ("region = 'eu'", "region", "us", False),
        ("REGION = 'eu'", "region", "us", False),
        ("region <> 'eu'", "region", "eu", False),
        ("region = 'a%20b'", "region", "a b", False),
        ("region = 'é'", "region", "é", True),
        ("region IS NULL", "region", None, True),
        ("region IS NULL", "region", "", True),
        ("region IS NULL", "region", "eu", False),
        ("region IS NOT NULL", "region", None, False),
        ("region = 'eu'", "region", None, False),
        ("region <> 'eu'", "region", None, False),
        ("region LIKE 'e%'", "region", "us", False),
        ("region NOT IN ('eu', 'us')", "region", "us", False),
        (f"region <> '{'m' * 40}'", "region", "m" * 40, False),
        (f"region = '{'m' * 40}'", "region", "m" * 32, False),
        ("day >= DATE '2024-03-01'", "day", "2024-02-29", False),
        ("day >= '2024-03-01'", "day", "2024-03-01", True),
        ("day >= '2024-03-01'", "day", "someday", True),
        ("day IS NULL", "day", "someday", True),
        ("hour = '2024-03-01T12:00:00Z'", "hour", "2024-03-01T12:00:00.000000Z", True),
        ("hour = '2024-03-01T12:00:01Z'", "hour", "2024-03-01T12:00:00.000000Z", False),
        ("hour = '2024-03-01T12:00:00Z'", "hour", "2024-03-01 07:00:00", True),
        ("hour IN ('2024-03-01T12:00:00Z', '2024-03-01T12:00:00.0005Z')", "hour", "2024-03-01T12:00:00.0007Z", True),
        ("hour <> '2024-03-01T12:00:00Z'", "hour", "2024-03-01 12:00:00", True),
        ("hour NOT IN ('2024-03-01T12:00:00.000001Z')", "hour", "2024-03-01 12:00:00.000001", True),
        ("hour = '2024-03-01T12:00:00Z'", "hour", "2024-03-03 07:00:00", False),
        ("hour = TIMESTAMP '2024-03-01 12:00:00'", "hour", "2024-03-01 12:00:00", True),
        ("hour = TIMESTAMP '2024-03-01 12:00:00'", "hour", "2024-03-01 12:00:00.1", False),
        ("hour <> TIMESTAMP '2024-03-01 00:00:00'", "hour", "2024-03-01", False),
        ("rate > 1.5", "rate", "1.0", False),
        ("rate > 1.5", "rate", "NaN", True),
        ("flag", "flag", "false", False),
        ("flag = TRUE", "flag", "true", True),
        ("i = 5", "i", "05", True),
        ("i = 5", "i", "6", False),
        ("price = 1.5", "price", "1.50", True),
        ("price = 1.5", "price", "1.51", False),
    ],
)
def test_partition_values_are_compared_by_their_type(hint, column, raw, stays):
    assert kept(hint, partition={column: raw}) is stays


def test_partition_values_and_stats_work_together_in_one_predicate():
    hint = "region = 'eu' OR n = 5"
    assert not kept(hint, stats("n", 6, 7), {"region": "us"})
    assert kept(hint, stats("n", 5, 7), {"region": "us"})
    assert kept(hint, stats("n", 6, 7), {"region": "eu"})


def test_nested_columns_are_found_ignoring_case():
    raw = (
        '{"numRecords":1,"minValues":{"Point":{"Lat":1.5}},"maxValues":{"Point":{"Lat":2.5}},'
        '"nullCount":{"Point":{"Lat":0}}}'
    )
    assert not kept("point.lat = 3", raw)
    assert not kept("point.lat IS NULL", raw)
    assert kept("point.lat = 2", raw)
    assert kept("point IS NULL", raw)
    assert kept("point.lon = 3", raw)


def test_json_hints_compare_under_the_type_that_they_name():
    hint = (
        '{"op":"equal","children":[{"op":"column","name":"n","valueType":"%s"},'
        '{"op":"literal","value":"5","valueType":"%s"}]}'
    )
    for type_name in ("int", "long", "double"):
        assert not kept(parse_json_hint(hint % (type_name, type_name)), stats("n", 6, 7))
    assert kept(parse_json_hint(hint % ("string", "string")), stats("n", 6, 7))


def test_mapped_columns_have_their_stats_under_physical_names():
    mapping = {"n": {"delta.columnMapping.physicalName": "col-1"}}
    assert not kept("n = 5", stats("col-1", 6, 7), **mapping)
    assert kept("n = 5", stats("n", 6, 7), **mapping)


def widened(source, target):
    return {"delta.typeChanges": [{"fromType": source, "toType": target}]}


@pytest.mark.parametrize(
    ("hint", "source", "low", "high", "stays"),
    [
        ("n = 5", "integer", 1, 5, True),
        ("n = 5000000000", "integer", 1, 7, False),
        ("x = 2", "integer", 1, 2, True),
        ("x = 3", "integer", 1, 2, False),
        ("price = 2", "integer", 1, 2, True),
        ("price = 2.01", "integer", 1, 2, False),
        ("wide = 99.99", "decimal(6,1)", 99.9, 100.1, True),
        ("wide = 99.99", "decimal(6,1)", 99.9, 99.9, False),
        ("x = 0.10000000149011612D", "float", 0.1, 0.1, True),
        ("x = 0.1D", "float", 0.1, 0.1, True),
        ("x = 0.100001D", "float", 0.1, 0.1, False),
        ("x = 0.5D", "float", 1, 2, False),
        ("local = TIMESTAMP_NTZ '2020-01-02 00:00:00'", "date", '"2020-01-01"', '"2020-01-02"', True),
        ("local = DATE '2020-01-02'", "date", '"2020-01-01"', '"2020-01-02"', True),
        ("local < TIMESTAMP_NTZ '2020-01-01 00:00:00'", "date", '"2020-01-01"', '"2020-01-02"', False),
        ("local > TIMESTAMP_NTZ '2020-01-02 00:00:01'", "date", '"2020-01-01"', '"2020-01-02"', False),
    ],
)
def test_files_from_before_a_column_was_widened_go_by_their_old_stats(hint, source, low, high, stays):
    column = hint.split()[0]
    assert kept(hint, stats(column, low, high), **{column: widened(source, TYPES[column])}) is stays


def test_a_float_below_a_struct_is_widened_too():
    point = {"name": "Lat", "type": "double", "nullable": True, "metadata": widened("float", "double")}
    field = {"name": "Point", "type": {"type": "struct", "fields": [point]}, "nullable": True, "metadata": {}}
    raw = '{"numRecords":1,"minValues":{"Point":{"Lat":0.1}},"maxValues":{"Point":{"Lat":0.1}}}'
    files = pl.DataFrame({"path": ["a"], "stats": [raw]})
    described = json.dumps({"type": "struct", "fields": [field]})
    assert pruned(files, [parse_sql_hint("point.lat = 0.10000000149011612D")], described, ()).height == 1
    assert pruned(files, [parse_sql_hint("point.lat = 0.2D")], described, ()).height == 0


@pytest.mark.parametrize(
    ("hint", "source", "raw", "stays"),
    [
        ("n = 7", "integer", "7", True),
        ("n = 5000000000", "integer", "7", False),
        ("x = 0.1D", "float", "0.1", True),
        ("x = 0.5D", "float", "0.1", False),
        ("wide = 1.25", "decimal(6,2)", "1.25", True),
        ("wide = 1.26", "decimal(6,2)", "1.25", False),
        ("local = TIMESTAMP_NTZ '2020-01-01 00:00:00'", "date", "2020-01-01", True),
        ("local > TIMESTAMP_NTZ '2020-01-01 00:00:00'", "date", "2020-01-01", False),
    ],
)
def test_partition_values_from_before_a_column_was_widened_are_read_as_its_new_type(hint, source, raw, stays):
    column = hint.split()[0]
    assert kept(hint, partition={column: raw}, **{column: widened(source, TYPES[column])}) is stays


@pytest.mark.parametrize("metadata", [{"__COLLATIONS": {"s": "UTF8_LCASE"}}, {"__CHAR_VARCHAR_TYPE_STRING": "char(5)"}])
def test_strings_that_do_not_compare_by_their_bytes_are_kept(metadata):
    assert kept("s = 'A'", stats("s", '"a"', '"a"'), s=metadata)
    assert not kept("s IS NULL", stats("s", '"a"', '"a"'), s=metadata)


def test_a_column_whose_name_json_must_escape_keeps_the_file():
    name = 'say "hi"\\'
    assert kept(Comparison("=", Column((name,)), Literal(5)), stats(name, 6, 7))


def test_a_name_with_more_than_one_meaning_keeps_the_file():
    assert kept("n = 5", stats("n", 6, 7), types={"n": "long", "N": "long"})


def test_the_order_and_the_other_columns_of_the_frame_are_kept():
    frame = pl.DataFrame(
        {"path": ["c", "a", "b"], "stats": [stats("n", low, low) for low in (1, 2, 1)], "size": [1, 2, 3]}
    )
    assert pruned(frame, [parse_sql_hint("n = 1")], schema(), []).to_dict(as_series=False)["size"] == [1, 3]


def test_all_predicates_must_hold():
    assert prune_two("n > 0", "n > 5") == 0
    assert prune_two("n > 0", "n > 1") == 1


def prune_two(*hints):
    frame = pl.DataFrame({"path": ["a"], "stats": [stats("n", 1, 3)]})
    return pruned(frame, [parse_sql_hint(hint) for hint in hints], schema(), []).height


def test_predicates_beyond_the_limit_of_work_are_skipped():
    always = And(tuple(Comparison(">", Column(("n",)), Literal(0)) for _ in range(600)))
    never = parse_sql_hint("n > 5")
    frame = pl.DataFrame({"path": ["a"], "stats": [stats("n", 1, 3)]})
    assert pruned(frame, [always, never], schema(), []).height == 0
    assert pruned(frame, [always, always, never], schema(), []).height == 1


def test_a_table_without_files_stays_empty():
    frame = pl.DataFrame(schema={"path": pl.String, "stats": pl.String})
    assert pruned(frame, [parse_sql_hint("n = 1")], schema(), []).height == 0


@pytest.mark.parametrize(
    ("rows", "paths"), [(0, 0), (1, 1), (10, 1), (11, 2), (12, 5), (20, 5), (21, 6), (100, 6), (10**18, 6)]
)
def test_a_limit_takes_the_leading_files_that_surely_have_enough_rows(rows, paths):
    files = pl.DataFrame(
        {
            "path": list("abcdef"),
            "stats": [
                '{"numRecords":10}',
                '{"numRecords":1}',
                '{"numRecords":50}',
                None,
                '{"numRecords":9}',
                "garbage",
            ],
            "deletion_vector_id": [None, None, "u1", None, None, None],
        }
    )
    assert limit(listed(files), rows).frame()["path"].to_list() == list("abcdef")[:paths]


def test_a_limit_reads_on_over_many_files():
    files = pl.DataFrame({"path": [str(i) for i in range(1_000)], "stats": ['{"numRecords":2}'] * 1_000}).with_columns(
        deletion_vector_id=pl.lit(None, dtype=pl.String)
    )
    assert limit(listed(files), 1_501).height == 751


@pytest.mark.parametrize("stat", ["1.2345678901234568e+16", "12345678901234568.000"])
def test_a_decimal_that_was_written_as_a_double_may_lie_a_step_further_out(stat: str):
    """deltalake writes decimal stats as doubles: 12345678901234567.001 becomes the first of these."""
    stats = (
        f'{{"numRecords":1,"minValues":{{"price":{stat}}},"maxValues":{{"price":{stat}}},"nullCount":{{"price":0}}}}'
    )
    schema = '{"type":"struct","fields":[{"name":"price","type":"decimal(20,3)","nullable":true,"metadata":{}}]}'
    files = pl.DataFrame({"path": ["f"], "stats": [stats]})
    hint = parse_sql_hint("price < 12345678901234567.002")
    assert pruned(files, [hint], schema, []).height == 1
    far = parse_sql_hint("price < 12345678901234500")
    assert pruned(files, [far], schema, []).height == 0
