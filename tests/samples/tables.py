"""Short words for tests that read tables."""

from collections.abc import Sequence
from pathlib import Path

from lakeshare.storage.locations import parse_location
from lakeshare.tables.base import Snapshot, TableReader, TableSource
from lakeshare.tables.formats import open_table


def reader(root: Path, also: Sequence[Path] = ()) -> TableReader:
    return open_table(TableSource("t", parse_location(str(root)), tuple(parse_location(str(other)) for other in also)))


async def load(root: Path, also: Sequence[Path] = ()) -> Snapshot:
    return await reader(root, also).load()


def paths(snapshot: Snapshot) -> list[str]:
    return snapshot.files.frame()["path"].to_list()
