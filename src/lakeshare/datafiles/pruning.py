"""Which files may hold a row that a predicate wants. A file that holds one is never dropped.

For every predicate the question is "may it be TRUE for some row of the file?", asked of bounds that are as wide as is
needed to be sure. Negation is pushed down to the leaves first, where SQL's rules for NULL make it exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import polars as pl

from lakeshare.datafiles.bounds import Bounds, Path, partition_bounds, record_counts, with_floats
from lakeshare.datafiles.columns import Memory, partitions, stats_columns
from lakeshare.datafiles.evaluation import Evidence, KnownColumn
from lakeshare.datafiles.files import FileList, Segment, numbers
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
    files: FileList,
    predicates: Sequence[Predicate],
    schema_string: str,
    partition_columns: Sequence[str],
    memory: Memory,
) -> FileList:
    """The files, in their order, that may hold a row for which all predicates are TRUE.

    What is computed of whole columns is kept in `memory`. Raises TableUnreadable where `schema_string` is no schema.
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
    kept = []
    for part in files.parts():
        # Of most of a segment, it is quicker to ask for all of it than to copy what is asked for.
        asked = numbers(0, part.segment.frame.height) if 2 * part.rows.len() > part.segment.frame.height else part.rows
        mask = _may_match(part.segment, asked, known, condition, memory)
        kept.append(part.positions.filter(mask if asked.len() == part.rows.len() else mask[part.rows]))
    return files.take(kept[0] if len(kept) == 1 else pl.concat(kept).sort())


def limit(files: FileList, rows: int) -> FileList:
    """The fewest leading files whose `numRecords` surely cover `rows`.

    A file whose stats do not tell, or that has a deletion vector (`deletion_vector_id`, String), counts no rows.
    """
    missing, taken, step = rows, 0, 64
    while missing > 0 and taken < files.height:
        batch = files.slice(taken, step).frame("stats", "deletion_vector_id")
        counts = record_counts(batch["stats"]).fill_null(0).clip(lower_bound=0)
        counts = counts.set(batch["deletion_vector_id"].is_not_null(), 0)
        covered = counts.cum_sum() >= missing
        if covered.any():
            return files.head(taken + 1 + (covered.arg_max() or 0))
        missing -= int(counts.sum())
        taken += batch.height
        step *= 2
    return files.head(taken)


def _may_match(
    segment: Segment, rows: pl.Series, known: Mapping[Column, KnownColumn], condition: Predicate, memory: Memory
) -> pl.Series:
    """Which of those rows (UInt32) may be files that hold a row for which the condition is TRUE.

    By partition first, then by the stats of those that are left.
    """
    by_partition: dict[Path, Bounds] = {}
    if any(column.is_partition for column in known.values()) and "partition_values" in segment.frame.columns:
        found = partitions(segment, memory)
        by_value = _partition_bounds(found.values, known)
        of_file = found.of_file if rows.len() == found.of_file.len() else found.of_file[rows]
        mask = _spread(Evidence(known, by_value).may_be_true(condition), of_file)
        rows, of_file = rows.filter(mask), of_file.filter(mask)
        by_partition = {path: bounds.take(of_file) for path, bounds in by_value.items()}
    else:
        mask = pl.repeat(True, rows.len(), dtype=pl.Boolean, eager=True)
    data_columns = {column.path: column for column in known.values() if not column.is_partition}
    if not data_columns or rows.is_empty():
        return mask
    types = {path: column.type_name for path, column in data_columns.items()}
    by_stats = {
        path: with_floats(bounds) if data_columns[path].was_float else bounds
        for path, bounds in stats_columns(segment, rows, types, memory).items()
    }
    may = Evidence(known, by_partition | by_stats).may_be_true(condition)
    if isinstance(may, bool):
        return mask if may else mask & False
    survivors = mask.arg_true().filter(may)
    return pl.repeat(False, mask.len(), dtype=pl.Boolean, eager=True).scatter(survivors, True)


def _spread(mask: pl.Series | bool, of_file: pl.Series) -> pl.Series:
    """What is true of each partition, for every file in it."""
    if isinstance(mask, bool):
        return pl.repeat(mask, of_file.len(), dtype=pl.Boolean, eager=True)
    return mask[of_file]


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


def _partition_bounds(values: pl.DataFrame, known: Mapping[Column, KnownColumn]) -> dict[Path, Bounds]:
    stored = {name.casefold(): name for name in values.columns}
    return {
        column.path: partition_bounds(values[stored[column.path[0].casefold()]], column.type_name)
        for column in known.values()
        if column.is_partition and column.path[0].casefold() in stored
    }
