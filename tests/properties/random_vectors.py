"""Random Delta tables with deletion vectors: random tables, and commits that delete random rows of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from hypothesis import strategies as st

from properties.random_tables import RandomTable, tables_of
from samples.deletion_vectors import Storage, VectorWriter


@dataclass(frozen=True)
class Deletion:
    """A commit; see `VectorWriter.delete`."""

    row_ids: frozenset[int]
    storages: Sequence[Storage]
    prefix: str
    runs: bool
    tells_removes: bool


@dataclass(frozen=True)
class VectorTable:
    """A table whose rows are deleted by vectors, in these commits; another one brings them back, where `restored`."""

    table: RandomTable
    deletions: Sequence[Deletion]
    keeps_empty: bool
    restored: bool
    checkpoint: bool
    """Whether there is one of the version that the first deletion made."""

    @property
    def first_version(self) -> int:
        """The version that the first deletion makes."""
        return len(self.table.commits) + self.table.deleted

    @property
    def live_row_ids(self) -> list[set[int]]:
        """The rows that are there before the first deletion, and after each commit from it on."""
        states = [set(range(self.table.deleted, len(self.table.rows)))]
        for deletion in self.deletions:
            states.append(states[-1] - deletion.row_ids)
        return [*states, states[0]] if self.restored else states

    def write(self, place: Path) -> pl.DataFrame:
        """Write the table; gives the rows that it holds at the end."""
        rows = self.table.write(place)
        writer = VectorWriter(place, "row_id")
        for number, deletion in enumerate(self.deletions):
            writer.delete(
                deletion.row_ids,
                deletion.storages,
                prefix=deletion.prefix,
                runs=deletion.runs,
                keeps_empty=self.keeps_empty,
                tells_removes=deletion.tells_removes,
            )
            if self.checkpoint and number == 0:
                writer.checkpoint()
        if self.restored:
            writer.restore()
        return rows.filter(pl.col("row_id").is_in(self.live_row_ids[-1]))


@st.composite
def _vector_tables(draw: st.DrawFn) -> VectorTable:
    table = draw(tables_of(2))
    deletions = draw(st.lists(_deletions(len(table.rows)), min_size=1, max_size=3))
    # Files that are dropped with their last row do not come back.
    keeps_empty, restored = draw(st.sampled_from([(True, False), (False, False), (True, True)]))
    return VectorTable(table, deletions, keeps_empty, restored, draw(st.booleans()))


def _deletions(rows: int) -> st.SearchStrategy[Deletion]:
    choices = st.lists(st.booleans(), min_size=rows, max_size=rows)
    some = choices.map(lambda chosen: frozenset(row_id for row_id, is_chosen in enumerate(chosen) if is_chosen))
    ranges = st.tuples(st.integers(0, rows), st.integers(0, rows)).map(lambda pair: frozenset(range(*sorted(pair))))
    return st.builds(
        Deletion,
        row_ids=st.one_of(some, some, ranges),
        storages=st.lists(st.sampled_from(["i", "u", "p"]), min_size=1, max_size=4),
        prefix=st.sampled_from(["", "", "ab", "Z9"]),
        runs=st.booleans(),
        tells_removes=st.booleans(),
    )


vector_tables = _vector_tables()
