"""What the demo makes of the sample: revenue by segment, and whether what was read is what was written."""

from pathlib import Path

import polars as pl
from deltalake import DeltaTable

EXAMPLES = 3


def revenue_by_segment(customers: pl.DataFrame, sales: pl.DataFrame) -> pl.DataFrame:
    """One row a segment, the largest revenue first: customer_segment, customers, transactions, revenue."""
    return (
        sales.join(customers.select("customer_id", "customer_segment"), on="customer_id")
        .group_by("customer_segment")
        .agg(
            pl.col("customer_id").n_unique().alias("customers"),
            pl.len().alias("transactions"),
            pl.col("total_amount").sum().alias("revenue"),
        )
        .sort("revenue", descending=True)
    )


def read_written(location: Path) -> pl.DataFrame:
    """The rows of a Delta table, read by its own library straight from the disk."""
    return pl.DataFrame(DeltaTable(location).to_pyarrow_table())


def differences(written: pl.DataFrame, read: pl.DataFrame) -> list[str]:
    """How two frames differ, one sentence a difference; none where they hold the same rows, in whatever order."""
    missing = [name for name in written.columns if name not in read.columns]
    added = [name for name in read.columns if name not in written.columns]
    if missing or added:
        return [f"Column {name!r} was written but not read." for name in missing] + [
            f"Column {name!r} was read but never written." for name in added
        ]
    if types := [name for name in written.columns if written.schema[name] != read.schema[name]]:
        return [
            f"Column {name!r} was written as {written.schema[name]} and read as {read.schema[name]}." for name in types
        ]
    balance = _balance(written, read.select(written.columns))
    lost, invented = balance.filter(pl.col("balance") > 0), balance.filter(pl.col("balance") < 0)
    return [
        *_sentence(lost, "written but not read"),
        *_sentence(invented, "read but never written"),
    ]


def _balance(written: pl.DataFrame, read: pl.DataFrame) -> pl.DataFrame:
    """The distinct rows with how often each was written less how often it was read, where that is not 0."""
    both = pl.concat([written.with_columns(balance=pl.lit(1)), read.with_columns(balance=pl.lit(-1))])
    return both.group_by(written.columns).agg(pl.col("balance").sum()).filter(pl.col("balance") != 0)


def _sentence(rows: pl.DataFrame, what: str) -> list[str]:
    if rows.is_empty():
        return []
    count = abs(rows["balance"].sum())
    examples = "; ".join(str(row) for row in rows.drop("balance").head(EXAMPLES).iter_rows(named=True))
    return [f"{count} {'row was' if count == 1 else 'rows were'} {what}, for example {examples}."]
