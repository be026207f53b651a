"""SQL hints: PROTOCOL.md, "SQL Expressions for Filtering", and what Spark's connector writes beyond it.

Text that dialects read differently is not understood: double quotes (a string or a name), a backslash in a string
(itself or an escape), `||`, `XOR` and their like. What is not understood becomes `Unknown` up to the next AND, OR or
closing parenthesis, unless it may hold an AND of its own; then the whole hint is skipped.
"""

import re
from typing import NamedTuple

from lakeshare.protocol.predicates.literals import convert, parse_decimal, parse_integer
from lakeshare.protocol.predicates.tree import (
    MAX_DEPTH,
    MAX_LEAVES,
    MAX_LENGTH,
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
    Value,
)


def parse_sql_hint(text: str) -> Predicate | None:
    """The predicate that the hint spells; None where nothing of it is understood. Never raises."""
    if len(text) > MAX_LENGTH:
        return None
    try:
        text.encode()
        parser = _Parser(_tokens(text))
        predicate = parser.disjunction(MAX_DEPTH)
        parser.expect("end")
    except (_NotUnderstood, _SkipHint, UnicodeEncodeError):
        return None
    return None if isinstance(predicate, Unknown) else predicate


class _NotUnderstood(Exception):  # noqa: N818 - not an error: this part of the hint is Unknown
    """The tokens from here on are not of the subset."""


class _SkipHint(Exception):  # noqa: N818 - not an error: the hint is skipped
    """Where the part that is not understood ends cannot be told, or the hint is too large."""


class _Token(NamedTuple):
    """`kind`: word, name (in backticks), string, number, end; an operator's or keyword's kind is itself."""

    kind: str
    text: str


_PATTERN = re.compile(
    r"""
    \s+
  | (?P<hazard>--|/\*|\\)
  | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:BD|[LSYDF])?(?![\w]))
  | (?P<word>[^\W\d]\w*)
  | (?P<name>`[^`]*(?:``[^`]*)*`)
  | (?P<string>'[^'\\]*(?:''[^'\\]*)*')
  | (?P<other>"[^"\\]*")
  | (?P<operator><=>|<=|>=|<>|!=|==|[=<>(),.!+-])
  | (?P<stray>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_KEYWORDS = {"AND", "OR", "NOT", "IS", "IN", "BETWEEN", "LIKE", "NULL", "TRUE", "FALSE", "CASE", "XOR"}
_OPENS_ITS_OWN_AND = {"BETWEEN", "CASE", "XOR", "|", "&", "^", "?", ":", ";"}
_COMPARISONS: dict[str, tuple[Operator, Operator]] = {
    "=": ("=", "="),
    "==": ("=", "="),
    "<>": ("<>", "<>"),
    "!=": ("<>", "<>"),
    "<": ("<", ">"),
    "<=": ("<=", ">="),
    ">": (">", "<"),
    ">=": (">=", "<="),
}
"""Each operator, and the one that says the same with the two sides exchanged."""
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_TYPED_STRINGS = {
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_LTZ": "timestamp",
    "TIMESTAMP_NTZ": "timestamp_ntz",
}
_CASTS = _TYPED_STRINGS | {
    "BOOLEAN": "boolean",
    "TINYINT": "byte",
    "BYTE": "byte",
    "SMALLINT": "short",
    "SHORT": "short",
    "INT": "integer",
    "INTEGER": "integer",
    "BIGINT": "long",
    "LONG": "long",
    "FLOAT": "float",
    "REAL": "float",
    "DOUBLE": "double",
    "STRING": "string",
}
_SUFFIX = re.compile(r"(BD|[LSYDF])$", re.IGNORECASE)
_SUFFIX_TYPES = {"L": "long", "S": "short", "Y": "byte", "D": "double", "F": "float"}


def _tokens(text: str) -> list[_Token]:
    tokens = []
    for match in _PATTERN.finditer(text):
        kind, value = match.lastgroup, match[0]
        if kind == "hazard" or (kind == "stray" and value in "'\"`"):
            raise _SkipHint
        if kind in {"operator", "stray"}:
            tokens.append(_Token(value, value))
        elif kind == "word" and value.upper() in _KEYWORDS:
            tokens.append(_Token(value.upper(), value))
        elif kind is not None:
            tokens.append(_Token(kind, value))
    tokens.append(_Token("end", ""))
    return tokens


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._leaves = 0

    def disjunction(self, depth: int) -> Predicate:
        """`depth`: how many further levels of NOT and parentheses may be opened."""
        children = [self._conjunction(depth)]
        while self._take("OR"):
            children.append(self._conjunction(depth))
        return children[0] if len(children) == 1 else Or(tuple(children))

    def _conjunction(self, depth: int) -> Predicate:
        children = [self._operand(depth)]
        while self._take("AND"):
            children.append(self._operand(depth))
        return children[0] if len(children) == 1 else And(tuple(children))

    def _operand(self, depth: int) -> Predicate:
        if depth == 0:
            raise _SkipHint
        if self._take("NOT") or self._take("!"):
            return Not(self._operand(depth - 1))
        if not self._take("("):
            return self._leaf()
        predicate = self.disjunction(depth - 1)
        if not self._take(")"):
            raise _SkipHint
        return predicate if self._operand_ends() else self._skip_operand()

    def _leaf(self) -> Predicate:
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise _SkipHint
        start = self._at
        try:
            predicate = self._test()
            if self._operand_ends():
                return predicate
        except _NotUnderstood:
            pass
        self._at = start
        return self._skip_operand()

    def _operand_ends(self) -> bool:
        return self._kind() in {"AND", "OR", ")", "end"}

    def _skip_operand(self) -> Unknown:
        depth = 0
        while depth > 0 or not self._operand_ends():
            token = self._next()
            if token.kind in _OPENS_ITS_OWN_AND or token.kind == "end":
                raise _SkipHint
            depth += (token.kind == "(") - (token.kind == ")")
        return Unknown()

    def _test(self) -> Predicate:
        left = self._value()
        negated = self._take("NOT")
        operator = self._next().kind if not self._operand_ends() else None
        predicate: Predicate
        match left, operator:
            case Column() as column, None:
                predicate = Comparison("=", column, Literal(value=True))
            case Literal(value=bool() | None), None:
                predicate = left
            case Column() as column, "IS":
                predicate = self._null_test(column)
            case Column() as column, "IN":
                predicate = In(column, self._list())
            case Column() as column, "BETWEEN":
                predicate = self._between(column)
            case Column() as column, "LIKE":
                predicate = _like(column, self._literal().value)
            case _ if operator and not negated:
                return _comparison(left, operator, self._value())
            case _:
                raise _NotUnderstood
        if negated and operator not in {"IN", "BETWEEN", "LIKE"}:
            raise _NotUnderstood
        return Not(predicate) if negated else predicate

    def _null_test(self, column: Column) -> Predicate:
        negated = self._take("NOT")
        self.expect("NULL")
        return Not(IsNull(column)) if negated else IsNull(column)

    def _list(self) -> tuple[Literal, ...]:
        self.expect("(")
        values = [self._literal()]
        while self._take(","):
            values.append(self._literal())
        self.expect(")")
        return tuple(values)

    def _between(self, column: Column) -> Predicate:
        try:
            low = self._literal()
            self.expect("AND")
            high = self._literal()
        except _NotUnderstood:
            raise _SkipHint from None
        if not self._operand_ends():
            raise _SkipHint
        return And((Comparison(">=", column, low), Comparison("<=", column, high)))

    def _literal(self) -> Literal:
        value = self._value()
        if isinstance(value, Column):
            raise _NotUnderstood
        return value

    def _value(self) -> Column | Literal:
        token = self._next()
        match token.kind, token.text.upper():
            case "number" | "+" | "-", _:
                sign = "" if token.kind == "number" else token.kind
                return Literal(_number(sign + (self.expect("number") if sign else token.text)))
            case "string", _:
                return Literal(_unquoted(token.text))
            case "TRUE" | "FALSE" | "NULL" as constant, _:
                return Literal(_CONSTANTS[constant])
            case "word", type_name if type_name in _TYPED_STRINGS and self._kind() == "string":
                return _cast(Literal(_unquoted(self._next().text)), _TYPED_STRINGS[type_name])
            case "word", "CAST" if self._take("("):
                return self._cast()
        return self._column(token)

    def _cast(self) -> Column | Literal:
        value = self._value()
        if self.expect("word").upper() != "AS":
            raise _NotUnderstood
        type_name = _CASTS.get(self.expect("word").upper())
        self.expect(")")
        if type_name is None:
            raise _NotUnderstood
        return _cast(value, type_name)

    def _column(self, first: _Token) -> Column:
        parts = [first]
        while self._take("."):
            parts.append(self._next())
        if any(part.kind not in {"word", "name"} for part in parts):
            raise _NotUnderstood
        return Column(tuple(_unquoted(part.text) if part.kind == "name" else part.text for part in parts))

    def expect(self, kind: str) -> str:
        token = self._next()
        if token.kind != kind:
            raise _NotUnderstood
        return token.text

    def _kind(self) -> str:
        return self._tokens[self._at].kind

    def _take(self, kind: str) -> bool:
        taken = self._kind() == kind
        self._at += taken
        return taken

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token


def _comparison(left: Column | Literal, operator: str, right: Column | Literal) -> Predicate:
    match left, right:
        case Column() as column, Literal() as literal:
            side = 0
        case Literal() as literal, Column() as column:
            side = 1
        case _:
            raise _NotUnderstood
    if operator in _COMPARISONS:
        return Comparison(_COMPARISONS[operator][side], column, literal)
    if operator != "<=>":
        raise _NotUnderstood
    if literal.value is None:
        return IsNull(column)
    return And((Not(IsNull(column)), Comparison("=", column, literal)))


def _like(column: Column, pattern: object) -> Predicate:
    if not isinstance(pattern, str) or "_" in pattern or "%" in pattern[:-1]:
        raise _NotUnderstood
    if not pattern.endswith("%"):
        return Comparison("=", column, Literal(pattern))
    return StartsWith(column, pattern[:-1])


def _cast(value: Column | Literal, type_name: str) -> Column | Literal:
    if isinstance(value, Literal):
        return Literal(_converted(value.value, type_name))
    if value.cast is not None:
        raise _NotUnderstood
    return Column(value.path, type_name)


def _number(text: str) -> Value:
    """Spark's reading: digits are an integer, with a point a decimal, with an exponent a double; a suffix decides."""
    suffix = _SUFFIX.search(text)
    digits = text.removesuffix(suffix[0]) if suffix else text
    if suffix and suffix[0].upper() in _SUFFIX_TYPES:
        return _converted(digits, _SUFFIX_TYPES[suffix[0].upper()])
    for parse in (parse_integer, parse_decimal):
        if (number := parse(digits)) is not None:
            return number
    return _converted(digits, "double")


def _converted(value: Value, type_name: str) -> Value:
    try:
        return convert(value, type_name)
    except ValueError:
        raise _NotUnderstood from None


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)
