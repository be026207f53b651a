"""What a log leaves out of its removes: a commit need not tell the size and partition values of a file that it removes
(delta-io/delta, PROTOCOL.md, `extendedFileMetadata`), but who reads the file needs both."""

import polars as pl

from lakeshare.errors import TableUnreadable, VersionGone
from lakeshare.operations.read_table import AuthorizedTable, read_snapshot
from lakeshare.operations.services import Services


async def complete_removes(
    services: Services, table: AuthorizedTable, version: int, files: pl.DataFrame
) -> pl.DataFrame:
    """Rows of that version's `Commit.files`, in their order, with what the version before it knew of the files.

    Raises TableUnreadable where that version cannot be read any more, or did not have them; else as a read does.
    """
    if not _lacking(files):
        return files
    try:
        before = await read_snapshot(services, table, version - 1)
    except VersionGone as error:
        raise _untold(table, version) from error
    completed = _completed(files, before.files.frame(*_TOLD.intersection(before.files.columns)))
    if _lacking(completed):
        raise _untold(table, version)
    return completed


_TOLD = frozenset({"path", "size", "partition_values"})


def _lacking(files: pl.DataFrame) -> bool:
    return bool(files.select((pl.col("size").is_null() & (pl.col("action") == "remove")).any()).item())


def _completed(files: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    joined = files.join(before.unique("path"), on="path", how="left", suffix="_before", maintain_order="left")
    lacks = pl.col("size").is_null()
    filled = [pl.when(lacks).then("size_before").otherwise("size").alias("size")]
    if "partition_values_before" in joined.columns:
        former = joined["partition_values_before"].struct.fields
        names = joined["partition_values"].struct.fields
        # A version may have been partitioned otherwise than the one before it.
        values = [
            pl.col("partition_values_before").struct.field(name)
            if name in former
            else pl.lit(None, pl.String).alias(name)
            for name in names
        ]
        filled.append(pl.when(lacks).then(pl.struct(values)).otherwise("partition_values").alias("partition_values"))
    return joined.with_columns(filled).select(files.columns)


def _untold(table: AuthorizedTable, version: int) -> TableUnreadable:
    return TableUnreadable(
        f"The log of '{table.shown_as}' does not tell the size of files that version {version} removed.",
        hint="Ask for later changes, or read the table as it is.",
    )
