"""What a commit does to a list of files: costs what changes, not what the table holds."""

from io import BytesIO

import polars as pl

from lakeshare.datafiles.files import KEY, FileList, Segment, numbers

MAX_SEGMENTS = 4
"""More are put together: each costs every query a little."""


def changed(files: FileList, gone: pl.DataFrame, added: pl.DataFrame) -> FileList:
    """The list without the files that have a key of `gone`, and with those of `added` (the frame of a segment).

    A file of `added` takes the place of one that has its key.
    """
    if gone.is_empty() and added.is_empty():
        return files
    dropped = _numbers_of(files, pl.concat([gone.select(KEY), added.select(KEY)]))
    left = FileList(files.segments, files.rows.filter(~files.rows.is_in(dropped.implode())))
    if left.is_empty():
        return FileList.of(Segment(added))
    if added.is_empty():
        return _put_together(left)
    start = sum(segment.frame.height for segment in files.segments)
    rows = _inserted(left.rows, numbers(start, added.height), _places(left, added))
    return _put_together(FileList((*files.segments, Segment(added)), rows))


def _numbers_of(files: FileList, keys: pl.DataFrame) -> pl.Series:
    """The numbers of the rows that have one of these keys, in force or not."""
    found = [numbers(0, 0)]
    for segment, start in zip(files.segments, files.starts(), strict=True):
        rows = _rows_by_path(segment, keys)
        same = rows["deletion_vector_id"].eq_missing(segment.frame["deletion_vector_id"].gather(rows["row"]))
        found.append((rows["row"].filter(same) + start).cast(pl.UInt32))
    return pl.concat(found)


def _places(files: FileList, added: pl.DataFrame) -> pl.Series:
    """In front of how many files of the list each added one belongs: its rank among them (Int64)."""
    ranks = pl.repeat(0, added.height, dtype=pl.Int64, eager=True)
    numbered = added.select(*KEY, pl.int_range(pl.len()).alias("added"))
    for part in files.parts():
        first = part.segment.frame["path"].search_sorted(added["path"], side="left")
        ranks += part.rows.search_sorted(first.cast(pl.UInt32), side="left").cast(pl.Int64)
        same_path = _rows_by_path(part.segment, numbered)
        vectors = part.segment.frame["deletion_vector_id"].gather(same_path["row"]).fill_null("")
        in_front = vectors < same_path["deletion_vector_id"].fill_null("")
        for at in same_path["added"].filter(in_front & same_path["row"].is_in(part.rows.implode())):
            ranks[at] += 1
    return ranks


def _rows_by_path(segment: Segment, keys: pl.DataFrame) -> pl.DataFrame:
    """`keys` with the rows (`row`) that have their path: none, one, or several with different deletion vectors."""
    paths = segment.frame["path"]
    first = paths.search_sorted(keys["path"], side="left")
    behind = paths.search_sorted(keys["path"], side="right")
    ranges = pl.DataFrame({"first": first, "behind": behind}).cast(pl.Int64)
    rows = keys.with_columns(ranges.select(pl.int_ranges("first", "behind").alias("row")).to_series())
    return rows.filter(first < behind).explode("row")


def _inserted(rows: pl.Series, added: pl.Series, places: pl.Series) -> pl.Series:
    """`rows` with `added` in between: each in front of as many as its place says."""
    runs = pl.DataFrame({"place": places, "at": pl.int_range(places.len(), eager=True)})
    cuts = runs.group_by("place", maintain_order=True).agg(pl.col("at").first(), pl.len().alias("count"))
    pieces, behind = [], 0
    for place, at, count in cuts.iter_rows():
        pieces += [rows.slice(behind, place - behind), added.slice(at, count)]
        behind = place
    return pl.concat([*pieces, rows.slice(behind)], rechunk=True)


def _put_together(files: FileList) -> FileList:
    """The same list, with small segments made one: so that they stay few, each smaller than half of the last.

    Where most rows are not in force any more, all become one.
    """
    heights = [segment.frame.height for segment in files.segments]
    first = len(heights) - 1
    while first > 0 and (2 * sum(heights[first:]) > heights[first - 1] or first >= MAX_SEGMENTS):
        first -= 1
    if 2 * files.height < sum(heights):
        first = 0
    elif first == len(heights) - 1:
        return files
    start = sum(heights[:first])
    moves = files.rows >= start
    tail = Segment(released(FileList(files.segments, files.rows.filter(moves)).frame()))
    renumbered = pl.select(pl.when(moves).then(start + moves.cum_sum() - 1).otherwise(files.rows)).to_series()
    return FileList((*files.segments[:first], tail), renumbered.cast(pl.UInt32))


def released(frame: pl.DataFrame) -> pl.DataFrame:
    """A copy with text of its own: a filtered column holds on to all the text that it was filtered from."""
    copy = BytesIO()
    frame.write_ipc(copy)
    copy.seek(0)
    return pl.read_ipc(copy).rechunk()
