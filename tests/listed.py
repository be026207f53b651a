"""Frames of files as the lists that a snapshot has."""

import polars as pl

from lakeshare.datafiles.files import FileList, Segment
from lakeshare.datafiles.pruning import prune
from lakeshare.tables.budget import ByteBudget


def listed(frame: pl.DataFrame) -> FileList:
    return FileList.of(Segment(frame))


def pruned(frame: pl.DataFrame, *arguments) -> pl.DataFrame:
    """What `prune` leaves of one segment."""
    return prune(listed(frame), *arguments, ByteBudget(1 << 30)).frame()
