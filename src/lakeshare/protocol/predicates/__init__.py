"""Filter hints of the sharing protocol: what they mean, and how their two spellings are read."""

from lakeshare.protocol.predicates.json_hint import parse_json_hint
from lakeshare.protocol.predicates.sql_hint import parse_sql_hint
from lakeshare.protocol.predicates.tree import (
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
)

__all__ = [
    "And",
    "Column",
    "Comparison",
    "In",
    "IsNull",
    "Literal",
    "Not",
    "Operator",
    "Or",
    "Predicate",
    "StartsWith",
    "Unknown",
    "parse_json_hint",
    "parse_sql_hint",
]
