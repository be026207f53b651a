"""How the sample's tables are written: steps with a description, one commit each."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
from deltalake import write_deltalake

Step = tuple[str, Callable[[], object]]
"""What the step does, for a progress bar, and the step."""

CHANGE_DATA_FEED: dict[str, str | None] = {"delta.enableChangeDataFeed": "true"}


def create(
    location: Path,
    rows: pl.DataFrame,
    description: str,
    partition_by: str | None = None,
    configuration: dict[str, str | None] | None = None,
) -> None:
    """Commit 0 of a table."""
    location.mkdir(parents=True)
    write_deltalake(
        location,
        rows,
        name=location.name,
        description=description,
        partition_by=partition_by,
        configuration=configuration,
    )


def append(location: Path, rows: pl.DataFrame) -> None:
    write_deltalake(location, rows, mode="append")
