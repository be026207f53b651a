from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, strategies as st

from lakeshare.protocol.predicates import (
    And,
    Column,
    Comparison,
    In,
    IsNull,
    Literal,
    Not,
    Or,
    StartsWith,
    Unknown,
    parse_json_hint,
    parse_sql_hint,
)

A, B = Column(("a",)), Column(("b",))
A1, B2 = Comparison("=", A, Literal(1)), Comparison("=", B, Literal(2))


def compare(operator, value, column=A):
    return Comparison(operator, column, Literal(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1", A1),
        ("a == 1", A1),
        ("1 = a", A1),
        ("a > 1", compare(">", 1)),
        ("1 > a", compare("<", 1)),
        ("1 <= a", compare(">=", 1)),
        ("a <> 1", compare("<>", 1)),
        ("1 != a", compare("<>", 1)),
        ("a <=> 1", And((Not(IsNull(A)), A1))),
        ("NULL <=> a", IsNull(A)),
        ("a is null", IsNull(A)),
        ("a Is Not Null", Not(IsNull(A))),
        ("a", compare("=", True)),
        ("NOT a", Not(compare("=", True))),
        ("a = 1 AND b = 2", And((A1, B2))),
        ("a = 1 OR b = 2 AND a = 1", Or((A1, And((B2, A1))))),
        ("(a = 1 OR b = 2) AND a = 1", And((Or((A1, B2)), A1))),
        ("NOT a = 1 AND b = 2", And((Not(A1), B2))),
        ("! (a = 1)", Not(A1)),
        ("a IN (1, -2, NULL)", In(A, (Literal(1), Literal(-2), Literal(None)))),
        ("a NOT IN (1)", Not(In(A, (Literal(1),)))),
        ("a BETWEEN 1 AND 2 AND b = 2", And((And((compare(">=", 1), compare("<=", 2))), B2))),
        ("a NOT BETWEEN 1 AND 2", Not(And((compare(">=", 1), compare("<=", 2))))),
        ("a LIKE 'x%'", StartsWith(A, "x")),
        ("a NOT LIKE 'x%'", Not(StartsWith(A, "x"))),
        ("a LIKE 'x'", compare("=", "x")),
        ("`a` = 'it''s'", compare("=", "it's")),
        ("`b``c`.d.`e f` = 1", compare("=", 1, Column(("b`c", "d", "e f")))),
        ("größe = 1", compare("=", 1, Column(("größe",)))),
        ("date = '2024-03-01'", compare("=", "2024-03-01", Column(("date",)))),
        ("a = DATE '2024-03-01'", compare("=", date(2024, 3, 1))),
        ("a = CAST('2024-03-01' AS DATE)", compare("=", date(2024, 3, 1))),
        ("a = TIMESTAMP '2024-03-01 10:00:00.5'", compare("=", datetime(2024, 3, 1, 10, 0, 0, 500000))),  # noqa: DTZ001
        ("a = TIMESTAMP '2024-03-01T10:00:00+02:00'", compare("=", datetime(2024, 3, 1, 8, tzinfo=UTC))),
        ("a = TIMESTAMP '2024-03-01 10:00:00 UTC'", compare("=", datetime(2024, 3, 1, 10, tzinfo=UTC))),
        ("a = -1.50", compare("=", Decimal("-1.50"))),
        ("a = 1e3", compare("=", 1000.0)),
        ("a = .5", compare("=", Decimal("0.5"))),
        ("a = 2.50BD", compare("=", Decimal("2.50"))),
        ("a = 5L", compare("=", 5)),
        ("a = 1.5D", compare("=", 1.5)),
        ("a = 12345678901234567890123", compare("=", 12345678901234567890123)),
        ("a = TRUE", compare("=", True)),
        ("a = NULL", compare("=", None)),
        ("TRUE", Literal(value=True)),
        ("CAST(a AS BIGINT) = CAST(1 AS INT)", compare("=", 1, Column(("a",), "long"))),
        ("((`a` IS NOT NULL) AND (`a` = 1))", And((Not(IsNull(A)), A1))),
    ],
)
def test_sql_is_read(text, expected):
    assert parse_sql_hint(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f(a, b = 2 AND a) > 3 AND b = 2", And((Unknown(), B2))),
        ("b = 2 AND a + 1 = 2", And((B2, Unknown()))),
        ("a = 1 + 1 AND b = 2", And((Unknown(), B2))),
        ('a = "x" AND b = 2', And((Unknown(), B2))),
        ("a = b AND b = 2", And((Unknown(), B2))),
        ("1 = 1 AND b = 2", And((Unknown(), B2))),
        ("a LIKE '%x' AND b = 2", And((Unknown(), B2))),
        ("a LIKE 'x_' AND b = 2", And((Unknown(), B2))),
        ("a LIKE 'x!%' ESCAPE '!' AND b = 2", And((Unknown(), B2))),
        ("(a, b) IN ((1, 2)) AND b = 2", And((Unknown(), B2))),
        ("(a = 1) = FALSE AND b = 2", And((Unknown(), B2))),
        ("a = 1 OR f(b)", Or((A1, Unknown()))),
        ("NOT (a = 1 AND f(b))", Not(And((A1, Unknown())))),
        ("a IS NOT DISTINCT FROM 1 AND b = 2", And((Unknown(), B2))),
        ("a = DATE '2024-02-30' AND b = 2", And((Unknown(), B2))),
        ("a = TIMESTAMP '2024-03-01 10:00:00.0000001' AND b = 2", And((Unknown(), B2))),
        ("a = TIMESTAMP '2024-03-01 10:00:00 Europe/Berlin' AND b = 2", And((Unknown(), B2))),
        ("a = 1e999 AND b = 2", And((Unknown(), B2))),
        ("a IN (1, f(2)) AND b = 2", And((Unknown(), B2))),
        ("a IN () AND b = 2", And((Unknown(), B2))),
        ("AND b = 2", And((Unknown(), B2))),
        ("b = 2 AND", And((B2, Unknown()))),
        ("a = 1 \x00 AND b = 2", And((Unknown(), B2))),
    ],
)
def test_what_is_not_understood_ends_at_the_next_and_or_parenthesis(text, expected):
    assert parse_sql_hint(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "f(a) = 1",
        "a =",
        "a = 1)",
        "(a = 1",
        "a 1",
        "a = 'x",
        "a = `x",
        r"a = 'O\'Brien' AND b = 2",
        "a = 1 -- AND b = 2",
        "a = 1 /* b */",
        "a = 1 || b = 2",
        "a = 1 XOR b = 2 AND a = 2",
        "f(a) BETWEEN 1 AND b",
        "a BETWEEN b AND 2 AND b = 2",
        "CASE WHEN a AND b THEN a = 1 END AND b = 2",
        "a = 1; b = 2",
        "a = '\ud800'",
    ],
)
def test_a_hint_that_cannot_be_read_safely_is_skipped(text):
    assert parse_sql_hint(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000 + "a = 1" + ")" * 100_000,
        "NOT " * 100_000 + "a",
        "a = 1 OR " * 1_000 + "a = 1",
        "x" * 1_000_001,
        "'" * 900_001,
        "`" * 900_001,
        "x " * 499_999,
        "a = " + "9" * 900_000,
        "a = 0." + "9" * 900_000,
    ],
    ids=range(9),
)
def test_a_hint_that_is_too_large_is_skipped(text):
    assert parse_sql_hint(text) is None


def test_a_long_list_of_values_is_no_burden():
    assert parse_sql_hint(f"a IN ({','.join(map(str, range(10_000)))})") == In(A, tuple(map(Literal, range(10_000))))


def test_nesting_within_the_limit_is_read():
    assert parse_sql_hint("(" * 99 + "a = 1" + ")" * 99) == A1


@given(st.text("ab=<>'`\".,()-+ 019eENOTANDRISL%\\", max_size=40) | st.text(max_size=40))
def test_no_text_raises(text):
    parse_sql_hint(text)
    parse_json_hint(text)


def objects(below):
    names = st.sampled_from(["op", "children", "name", "value", "valueType"])
    words = st.sampled_from(["and", "not", "equal", "isNull", "column", "literal", "int", "string", "bool", "a", "1"])
    return st.dictionaries(names, words | below, max_size=5)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda below: st.lists(below) | objects(below))
)
def test_no_json_raises(value):
    parse_json_hint(msgspec.json.encode(value).decode())


def column(name, kind):
    return f'{{"op":"column","name":"{name}","valueType":"{kind}"}}'


def literal(value, kind):
    return f'{{"op":"literal","value":"{value}","valueType":"{kind}"}}'


def operation(op, *children):
    return f'{{"op":"{op}","children":[{",".join(children)}]}}'


A_INT, ONE = column("a", "int"), literal("1", "int")


@pytest.mark.parametrize(
    ("json", "sql"),
    [
        (operation("equal", A_INT, ONE), "CAST(a AS INT) = 1"),
        (operation("equal", ONE, A_INT), "1 = CAST(a AS INT)"),
        (operation("lessThan", A_INT, ONE), "CAST(a AS INT) < 1"),
        (operation("lessThan", ONE, A_INT), "1 < CAST(a AS INT)"),
        (operation("lessThanOrEqual", A_INT, ONE), "CAST(a AS INT) <= 1"),
        (operation("greaterThan", ONE, A_INT), "1 > CAST(a AS INT)"),
        (operation("greaterThanOrEqual", A_INT, ONE), "CAST(a AS INT) >= 1"),
        (operation("isNull", A_INT), "CAST(a AS INT) IS NULL"),
        (operation("not", operation("isNull", A_INT)), "CAST(a AS INT) IS NOT NULL"),
        (
            operation("and", operation("equal", A_INT, ONE), operation("isNull", A_INT), column("b", "bool")),
            "CAST(a AS INT) = 1 AND CAST(a AS INT) IS NULL AND CAST(b AS BOOLEAN)",
        ),
        (
            operation("or", operation("equal", A_INT, ONE), literal("TRUE", "bool")),
            "CAST(a AS INT) = 1 OR TRUE",
        ),
        (operation("equal", column("a", "long"), literal("-5", "long")), "CAST(a AS BIGINT) = -5L"),
        (operation("equal", column("a", "string"), literal("it's", "string")), "CAST(a AS STRING) = 'it''s'"),
        (operation("equal", column("a", "date"), literal("2021-04-29", "date")), "CAST(a AS DATE) = DATE '2021-04-29'"),
        (operation("equal", column("a", "float"), literal("0.1", "float")), "CAST(a AS FLOAT) = 0.1F"),
        (operation("equal", column("a", "double"), literal("1.5E1", "double")), "CAST(a AS DOUBLE) = 15D"),
        (
            operation("equal", column("a", "timestamp"), literal("2021-04-29T10:00:00.5Z", "timestamp")),
            "CAST(a AS TIMESTAMP) = TIMESTAMP '2021-04-29 10:00:00.5Z'",
        ),
        (operation("isNull", ONE), "FALSE"),
    ],
)
def test_json_and_sql_of_the_same_predicate_are_read_alike(json, sql):
    assert parse_json_hint(json) == parse_sql_hint(sql) is not None


def test_bare_json_numbers_and_booleans_are_literals_too():
    bare = '{"op":"equal","children":[%s,{"op":"literal","value":%s,"valueType":"%s"}]}'
    assert parse_json_hint(bare % (A_INT, "1", "int")) == parse_json_hint(operation("equal", A_INT, ONE))
    assert parse_json_hint(bare % (column("a", "bool"), "true", "bool")) == compare(
        "=", True, Column(("a",), "boolean")
    )


@pytest.mark.parametrize(
    "part",
    [
        operation("equal", A_INT, literal("1", "long")),
        operation("equal", A_INT, literal("1.5", "int")),
        operation("equal", A_INT, literal("x", "int")),
        operation("equal", A_INT, literal("3000000000", "int")),
        operation("equal", A_INT, A_INT),
        operation("equal", A_INT),
        operation("equal", column("a", "decimal"), literal("1", "decimal")),
        operation("equal", column("a", "double"), literal("NaN", "double")),
        operation("startsWith", A_INT, ONE),
        operation("not"),
        operation("and", operation("isNull", A_INT)),
        '{"op":"unsupported"}',
        '{"op":"column","valueType":"bool"}',
        ONE,
    ],
)
def test_a_json_operation_that_is_not_understood_leaves_the_rest(part):
    assert parse_json_hint(part) is None
    assert parse_json_hint(operation("or", operation("isNull", A_INT), part)) == Or(
        (IsNull(Column(("a",), "integer")), Unknown())
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        '"and"',
        "{}",
        "{",
        '{"op":5}',
        "\ud800",
        "[" * 100_000,
        '{"op":"not","children":[' * 100_000,
    ],
    ids=range(11),
)
def test_what_is_no_json_hint_is_skipped(text):
    assert parse_json_hint(text) is None


def test_json_beyond_the_limits_is_skipped():
    leaf = operation("isNull", A_INT)
    for levels, read in ((99, True), (100, False), (900, False)):
        nested = '{"op":"not","children":[' * levels + leaf + "]}" * levels
        assert (parse_json_hint(nested) is not None) is read
    assert parse_json_hint(operation("and", *[leaf] * 1_000)) is not None
    assert parse_json_hint(operation("and", *[leaf] * 1_001)) is None
    assert parse_json_hint(leaf + " " * 1_000_000) is None
