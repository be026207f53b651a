"""Which files may hold a row that a predicate wants. A file that holds one is never dropped.

For every predicate the question is "may it be TRUE for some row of the file?", asked of bounds that are as wide as is
needed to be sure. Negation is pushed down to the leaves first, where SQL's rules for NULL make it exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from lakeshare.datafiles.bounds import Bounds, Path, partition_bounds, record_counts, stats_bounds, with_floats
from lakeshare.datafiles.evaluation import Evidence, KnownColumn
from lakeshare.datafiles.intervals import keeps_order
from lakeshare.datafiles.schema import Field, parse_schema, resolve
from lakeshare.protocol.predicates import (
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

MAX_TESTS = 1_000
"""Predicates are applied in order until they would take more tests than this; the rest are skipped."""


def prune(
    files: pl.DataFrame, predicates: Sequence[Predicate], schema_string: str, partition_columns: Sequence[str]
) -> pl.DataFrame:
    """The files, in their order, that may hold a row for which all predicates are TRUE.

    `files`: `stats` (String, Delta's JSON or null) and, where the table is partitioned, `partition_values` (Struct with
    one raw String a partition column); other columns are carried along.
    Raises TableUnreadable where `schema_string` is no schema.
    """
    wanted = list(_affordable(predicates))
    if not wanted or files.is_empty():
        return files
    condition = _positive(And(tuple(wanted)))
    fields = parse_schema(schema_string)
    known = {
        column: found
        for column in _columns(condition)
        if (found := _known_column(fields, partition_columns, column)) is not None
    }
    files = _filtered(files, known, _partition_bounds(files, known), condition)
    data_columns = [column for column in known.values() if not column.is_partition]
    if not data_columns or files.is_empty():
        return files
    bounds = stats_bounds(files["stats"], {column.path: column.type_name for column in data_columns})
    bounds |= {
        column.path: with_floats(bounds[column.path])
        for column in data_columns
        if column.was_float and column.path in bounds
    }
    return _filtered(files, known, _partition_bounds(files, known) | bounds, condition)


def limit(files: pl.DataFrame, rows: int) -> pl.DataFrame:
    """The fewest leading files whose `numRecords` surely cover `rows`.

    A file whose stats do not tell, or that has a deletion vector (`deletion_vector_id`, String), counts no rows.
    """
    missing, taken, step = rows, 0, 64
    while missing > 0 and taken < files.height:
        batch = files.slice(taken, step)
        counts = record_counts(batch["stats"]).fill_null(0).clip(lower_bound=0)
        counts = counts.set(batch["deletion_vector_id"].is_not_null(), 0)
        covered = counts.cum_sum() >= missing
        if covered.any():
            return files.head(taken + 1 + (covered.arg_max() or 0))
        missing -= int(counts.sum())
        taken += batch.height
        step *= 2
    return files.head(taken)


def _filtered(
    files: pl.DataFrame, known: Mapping[Column, KnownColumn], bounds: Mapping[Path, Bounds], condition: Predicate
) -> pl.DataFrame:
    mask = Evidence(known, bounds).may_be_true(condition)
    return files.filter(mask) if isinstance(mask, pl.Series) else files if mask else files.clear()


def _affordable(predicates: Sequence[Predicate]) -> Iterator[Predicate]:
    tests = 0
    for predicate in predicates:
        tests += sum(1 for _ in _leaves(predicate))
        if tests > MAX_TESTS:
            return
        yield predicate


def _leaves(predicate: Predicate) -> Iterator[Predicate]:
    match predicate:
        case And(children) | Or(children):
            for child in children:
                yield from _leaves(child)
        case Not(child):
            yield from _leaves(child)
        case _:
            yield predicate


def _columns(predicate: Predicate) -> Iterator[Column]:
    for leaf in _leaves(predicate):
        if not isinstance(leaf, Literal | Unknown | And | Or | Not):
            yield leaf.column


_INVERSE: dict[Operator, Operator] = {"=": "<>", "<>": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _positive(predicate: Predicate, *, negated: bool = False) -> Predicate:
    """The same predicate, or its negation, with Not only above IsNull, In and StartsWith, and no And within And."""
    match predicate:
        case Not(child):
            return _positive(child, negated=not negated)
        case And(children) | Or(children):
            parts = [_positive(child, negated=negated) for child in children]
            return Or(tuple(parts)) if isinstance(predicate, Or) != negated else _flat(parts)
    return _negated(predicate) if negated else predicate


def _negated(leaf: Predicate) -> Predicate:
    match leaf:
        case Comparison(operator=operator):
            return replace(leaf, operator=_INVERSE[operator])
        case Literal(bool() as value):
            return Literal(not value)
        case IsNull() | In() | StartsWith():
            return Not(leaf)
    return leaf


def _flat(parts: Sequence[Predicate]) -> And:
    return And(tuple(child for part in parts for child in (part.children if isinstance(part, And) else (part,))))


def _known_column(fields: Sequence[Field], partition_columns: Sequence[str], column: Column) -> KnownColumn | None:
    chain = resolve(fields, column.path)
    if chain is None or not isinstance(chain[-1].type, str) or not keeps_order(chain[-1].type, column.cast):
        return None
    field = chain[-1]
    type_name = chain[-1].type if field.binary_order else "string without an order"
    is_partition = len(chain) == 1 and field.name.casefold() in {name.casefold() for name in partition_columns}
    return KnownColumn(tuple(part.physical_name for part in chain), type_name, is_partition, field.was_float)


def _partition_bounds(files: pl.DataFrame, known: Mapping[Column, KnownColumn]) -> dict[Path, Bounds]:
    if "partition_values" not in files.columns:
        return {}
    values = files["partition_values"].struct
    stored = {name.casefold(): name for name in values.fields}
    return {
        column.path: partition_bounds(values.field(stored[column.path[0].casefold()]), column.type_name)
        for column in known.values()
        if column.is_partition and column.path[0].casefold() in stored
    }
