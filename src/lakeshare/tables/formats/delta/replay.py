"""The active files of a table, as columns: one spelling a path, the last action on a file wins."""

from collections.abc import Sequence

import polars as pl

from lakeshare.datafiles.files import KEY
from lakeshare.storage.locations import normalise_log_path, require_inside
from lakeshare.tables.base import CHANGE_COLUMNS, FILE_COLUMNS


def comparable(actions: pl.DataFrame, root: str, partition_columns: Sequence[str]) -> pl.DataFrame:
    """File actions (see Actions.files) with normalised paths, and `partition_values` of the table's own columns.

    Raises TableUnreadable where a path names no file.
    """
    columns = [*CHANGE_COLUMNS]
    spelled = actions.with_columns(normalised_paths(actions["path"], root))
    if not partition_columns:
        return spelled.select(columns)
    keys = spelled["partition_values"].struct.fields if "partition_values" in spelled.columns else []
    fields = [_partition_value(column, keys) for column in partition_columns]
    return spelled.select(*columns, pl.struct(fields).alias("partition_values"))


def active_files(checkpoint: pl.DataFrame) -> pl.DataFrame:
    """The active files of a checkpoint, given its `comparable` actions: its removes are tombstones and say nothing."""
    # What no file has need not be sorted.
    empty = [name for name in _RARE if checkpoint[name].null_count() == checkpoint.height]
    files = _in_order(_added(checkpoint.drop(empty)))
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in KEY)
    repeats = files.select(same.slice(1).any()).item()
    files = files.unique(KEY, keep="last", maintain_order=True) if repeats else files
    nothing = [pl.lit(None, dtype=FILE_COLUMNS[name]).alias(name) for name in empty]
    return files.with_columns(nothing).select(*FILE_COLUMNS, pl.exclude(*FILE_COLUMNS))


def outcome(changes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `changes` (`comparable` actions in the log's order) do to a table: the files that are gone after them, and
    the frame of a segment with those that are new. Actions on change files say nothing."""
    last = changes.filter(pl.col("action") != "cdc").unique(KEY, keep="last")
    return last.filter(pl.col("action") == "remove"), _in_order(_added(last))


def require_files_inside(files: pl.DataFrame, also: Sequence[str]) -> None:
    """Raises TableUnreadable where a file lies under neither the root nor one of `also`."""
    for location in files["path"].filter(files["path"].str.contains("://", literal=True)):
        require_inside(location, also)


def normalised_paths(paths: pl.Series, root: str) -> pl.Series:
    """`normalise_log_path` for a column; only distinct directories, and names that hold an escape, cost Python time."""
    odd = paths.str.contains(_ODD)
    if not odd.any():
        return paths
    directory, name = paths.str.extract(_IN_DIRECTORY, 1), paths.str.extract(_IN_DIRECTORY, 2)
    directories = directory.filter(odd).drop_nulls().unique()
    # A directory is normalised by way of a file in it: that keeps `..` and the roots themselves right.
    prefixes = [normalise_log_path(path + "_", root)[:-1] for path in directories]
    rest = paths.filter(odd & directory.is_null()).unique()
    whole = [normalise_log_path(path, root) for path in rest]
    frame = pl.DataFrame({"path": paths, "odd": odd, "directory": directory, "name": name})
    prefix = pl.col("directory").replace_strict(directories, prefixes, default=None, return_dtype=pl.String)
    alone = pl.col("path").replace_strict(rest, whole, default=None, return_dtype=pl.String)
    normal = pl.when("odd").then(pl.coalesce(prefix + pl.col("name"), alone)).otherwise("path")
    return frame.select(normal.alias(paths.name)).to_series()


_ODD = r"[%\x00]|^[A-Za-z][A-Za-z0-9+.-]*:/|(^|/)\.{0,2}(/|$)"
"""An escape, a scheme, or a segment that is empty, `.` or `..`: everything else is normalised already."""
_IN_DIRECTORY = r"(?s)^(.*[^:/]/|/)([^/%\x00]*[^/%\x00.][^/%\x00]*)$"
"""A directory, and a name that stays what it is. What does not match is normalised whole."""


def _partition_value(column: str, keys: Sequence[str]) -> pl.Expr:
    """The value under the column's own name, else under one that differs by case only."""
    names = [key for key in keys if key.casefold() == column.casefold()]
    names.sort(key=lambda name: name != column)
    values = pl.coalesce(pl.col("partition_values").struct.field(name) for name in names) if names else pl.lit(None)
    return values.cast(pl.String).alias(column)


_RARE = ("deletion_vector", "base_row_id", "default_row_commit_version")


def _added(actions: pl.DataFrame) -> pl.DataFrame:
    return actions.filter(pl.col("action") == "add").drop("action", "data_change")


def _in_order(files: pl.DataFrame) -> pl.DataFrame:
    """Ordered by KEY, nulls first. By path alone where that is the same: three times faster."""
    no_vectors = files["deletion_vector_id"].null_count() == files.height
    return files.sort("path" if no_vectors else KEY)
