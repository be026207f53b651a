"""JSON hints: PROTOCOL.md, "JSON predicates for Filtering".

The first generation names partition columns only, the second all columns and the types float, double and timestamp;
they are spelled alike, so one reader serves both.
"""

import msgspec

from lakeshare.protocol.predicates.literals import convert
from lakeshare.protocol.predicates.tree import (
    MAX_DEPTH,
    MAX_LEAVES,
    MAX_LENGTH,
    And,
    Column,
    Comparison,
    IsNull,
    Literal,
    Not,
    Operator,
    Or,
    Predicate,
    Unknown,
)

_OPERATORS: dict[str, tuple[Operator, Operator]] = {
    "equal": ("=", "="),
    "lessThan": ("<", ">"),
    "lessThanOrEqual": ("<=", ">="),
    "greaterThan": (">", "<"),
    "greaterThanOrEqual": (">=", "<="),
}
"""Each op as an operator, and as the operator that says the same with the two sides exchanged."""

_TYPES = {
    "bool": "boolean",
    "int": "integer",
    "long": "long",
    "string": "string",
    "date": "date",
    "float": "float",
    "double": "double",
    "timestamp": "timestamp",
}


class _Operation(msgspec.Struct, frozen=True, rename="camel"):
    op: str
    children: "tuple[_Operation, ...]" = ()
    name: str | None = None
    value: str | bool | int | float | None = None
    value_type: str | None = None


_decoder = msgspec.json.Decoder(_Operation)


def parse_json_hint(text: str) -> Predicate | None:
    """The predicate that the hint spells; None where nothing of it is understood. Never raises.

    Operations that are not understood become `Unknown`, and the rest of the hint still counts.
    """
    if len(text) > MAX_LENGTH:
        return None
    try:
        operation = _decoder.decode(text.encode())
        predicate = _Reader().predicate(operation, MAX_DEPTH)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, _TooLarge):
        return None
    return None if isinstance(predicate, Unknown) else predicate


class _TooLarge(Exception):  # noqa: N818 - it is not an error: the hint is skipped
    """The hint is too deep, or has too many comparisons."""


class _Reader:
    def __init__(self) -> None:
        self._leaves = 0

    def predicate(self, operation: _Operation, depth: int) -> Predicate:
        """`depth`: how many further levels may be nested."""
        if depth == 0:
            raise _TooLarge
        match operation:
            case _Operation(op="and" | "or" as op, children=children) if len(children) > 1:
                parts = tuple(self.predicate(child, depth - 1) for child in children)
                return And(parts) if op == "and" else Or(parts)
            case _Operation(op="not", children=(child,)):
                return Not(self.predicate(child, depth - 1))
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            raise _TooLarge
        return _leaf(operation)


def _leaf(operation: _Operation) -> Predicate:
    match operation:
        case _Operation(op="isNull", children=(child,)):
            return _null_test(_operand(child))
        case _Operation(op=op, children=(left, right)) if op in _OPERATORS and left.value_type == right.value_type:
            return _comparison(op, _operand(left), _operand(right))
        case _Operation(op="column" | "literal", value_type="bool"):
            operand = _operand(operation)
            if isinstance(operand, Column):
                return Comparison("=", operand, Literal(value=True))
            return operand or Unknown()
    return Unknown()


def _null_test(operand: Column | Literal | None) -> Predicate:
    if isinstance(operand, Column):
        return IsNull(operand)
    return Unknown() if operand is None else Literal(operand.value is None)


def _comparison(op: str, left: Column | Literal | None, right: Column | Literal | None) -> Predicate:
    match left, right:
        case Column() as column, Literal() as literal:
            return Comparison(_OPERATORS[op][0], column, literal)
        case Literal() as literal, Column() as column:
            return Comparison(_OPERATORS[op][1], column, literal)
    return Unknown()


def _operand(operation: _Operation) -> Column | Literal | None:
    type_name = _TYPES.get(operation.value_type or "")
    if type_name is None or operation.children:
        return None
    if operation.op == "column" and operation.name:
        return Column((operation.name,), type_name)
    if operation.op == "literal" and operation.value is not None:
        try:
            return Literal(convert(_text(operation.value), type_name))
        except ValueError:
            return None
    return None


def _text(value: str | float | bool) -> str:
    """PROTOCOL.md gives every value as a string; bare JSON numbers and booleans are meant alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)
