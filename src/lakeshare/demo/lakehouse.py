"""The sample lakehouse: Delta tables with a history, the same rows for the same seed on every machine."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lakeshare.demo import flights, retail
from lakeshare.errors import AlreadyExists

Progress = Callable[[str, int, int], None]
"""Called with what is done next, the steps done, and the steps in all; at the end with "done"."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """A table of the sample, and the names under which it is to be shared."""

    catalog: str
    schema: str
    name: str
    location: Path
    share: str

    @property
    def full_name(self) -> str:
        return f"{self.catalog}.{self.schema}.{self.name}"

    @property
    def shared_as(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Lakehouse:
    """`tables` in name order."""

    directory: Path
    tables: tuple[SampleTable, ...]

    def table(self, name: str) -> SampleTable:
        """The table with this last name. Raises KeyError."""
        return {table.name: table for table in self.tables}[name]


def write_lakehouse(
    directory: Path, seed: int = 7, rows: int = 250_000, progress: Progress = lambda _step, _done, _total: None
) -> Lakehouse:
    """Write the sample: all of it or, where this is interrupted, none.

    `rows` counts the sales before some are deleted. Raises AlreadyExists where the directory holds something.
    """
    directory = directory.absolute()
    if directory.exists() and any(directory.iterdir()):
        raise AlreadyExists(f"The directory {str(directory)!r} is not empty.", hint="Delete it, or name another.")
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    at = {table.name: table.location for table in sample_lakehouse(unfinished).tables}
    steps = [
        *retail.steps(at["customers"], at["sales_transactions"], seed, rows),
        *flights.steps(at["flights"], at["airlines"], at["airports"]),
    ]
    for done, (description, run) in enumerate(steps):
        progress(description, done, len(steps))
        run()
    unfinished.rename(directory)
    progress("done", len(steps), len(steps))
    return sample_lakehouse(directory)


def sample_lakehouse(directory: Path) -> Lakehouse:
    """What `write_lakehouse` writes there, or has written."""
    names = [
        ("acme_corp", "retail", "customers", "external_retail"),
        ("acme_corp", "retail", "sales_transactions", "external_retail"),
        ("open_data", "nycflights13", "airlines", "open_flights"),
        ("open_data", "nycflights13", "airports", "open_flights"),
        ("open_data", "nycflights13", "flights", "open_flights"),
    ]
    root = directory.absolute()
    tables = (
        SampleTable(catalog, schema, name, root / catalog / schema / name, share)
        for catalog, schema, name, share in names
    )
    return Lakehouse(root, tuple(tables))
