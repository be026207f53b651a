"""lakeshare read: a shared table, as its recipient reads it."""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer
from rich.cells import cell_len

from lakeshare.cli.output import count, print_table, printable
from lakeshare.errors import InvalidValue, LakeshareError

if TYPE_CHECKING:
    import polars as pl

    from lakeshare.client import Batch

SHOWN_ROWS = 20
LONGEST_CELL = 40
COLUMN_GAP = 3


class Format(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


def read(
    table: Annotated[
        str, typer.Argument(metavar="PROFILE#SHARE.SCHEMA.TABLE", help="The profile file, and the table in the share.")
    ],
    limit: Annotated[int | None, typer.Option(min=0, metavar="N", help="Read only the first N rows.")] = None,
    output: Annotated[
        Format,
        typer.Option("--format", help="table for people; csv, json (one object a line) or parquet for programs."),
    ] = Format.TABLE,
) -> None:
    """Read a shared table as its recipient. The table format shows the first 20 rows unless --limit says otherwise."""
    from lakeshare.client import SharingClient, load_profile, parse_table_url

    path, name = parse_table_url(table)
    if output is Format.PARQUET and sys.stdout.isatty():
        raise InvalidValue(
            "Parquet is not written to a terminal.",
            hint=f"Send it to a file: lakeshare read ... > {name.table}.parquet",
        )
    with SharingClient(load_profile(path)) as client:
        if output is Format.TABLE:
            _show(client.read(name, limit=SHOWN_ROWS + 1 if limit is None else limit), limit)
            return
        with _progress(client.batches(name, limit=limit), str(name)) as batches, _output_errors():
            _WRITERS[output](batches, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _show(frame: "pl.DataFrame", limit: int | None) -> None:
    shown = frame if limit is not None else frame.head(SHOWN_ROWS)
    rows = [[_cell(value) for value in row] for row in shown.iter_rows()]
    fitting = _fitting_columns(frame.columns, rows)
    print_table(frame.columns[:fitting], (row[:fitting] for row in rows))
    if fitting < frame.width:
        typer.echo(f"Columns that do not fit: {', '.join(map(printable, frame.columns[fitting:]))}.")
    if shown.height < frame.height:
        typer.echo(
            f"The first {SHOWN_ROWS} rows; there are more. "
            "Use --limit N for the first N, or --format csv, json or parquet for all."
        )
    elif limit is not None and shown.height == limit:
        typer.echo(f"{count(shown.height, 'row')}: the limit is {limit}, and there may be more.")
    else:
        typer.echo(count(shown.height, "row"))


def _fitting_columns(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """How many columns a terminal is wide enough for, at least one; all of them where stdout is a pipe."""
    if not sys.stdout.isatty():
        return len(columns)
    left = shutil.get_terminal_size().columns
    for index, name in enumerate(columns):
        left -= max(cell_len(text) for text in (name, *(row[index] for row in rows))) + COLUMN_GAP
        if left < 0:
            return max(index, 1)
    return len(columns)


def _cell(value: Any) -> str:
    """At most LONGEST_CELL characters on one line; nothing for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        text = value
    elif isinstance(value, bytes):
        text = value.hex()
    elif isinstance(value, list | dict):
        text = _json(value)
    else:
        text = str(value)
    text = printable(text)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _write_csv(batches: "Iterator[Batch]", stdout: BinaryIO) -> None:
    header = True
    for batch in batches:
        text = io.BytesIO()
        _flat(batch.frame).write_csv(text, include_header=header)
        stdout.write(text.getvalue())
        header = False


def _write_json(batches: "Iterator[Batch]", stdout: BinaryIO) -> None:
    import msgspec

    encoder = msgspec.json.Encoder(decimal_format="string")
    stdout.writelines(encoder.encode_lines(batch.frame.iter_rows(named=True)) for batch in batches)


def _write_parquet(batches: "Iterator[Batch]", stdout: BinaryIO) -> None:
    from polars.exceptions import PolarsError
    from polars.io.plugins import register_io_source

    first = next(batches)
    output = _RememberedFailure(stdout)

    def frames(*_pushed_down: object) -> "Iterator[pl.DataFrame]":
        yield first.frame
        for batch in batches:
            yield batch.frame

    try:
        register_io_source(frames, schema=first.frame.schema).sink_parquet(cast("BinaryIO", output))
    except PolarsError:
        if output.failure is None:
            raise
        raise output.failure from None


class _RememberedFailure(io.RawIOBase):
    """Hands bytes on, and keeps the error that Polars reports as one of its own."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self.failure: OSError | None = None
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._stream.write(data)
        except OSError as error:
            self.failure = error
            raise


_WRITERS = {Format.CSV: _write_csv, Format.JSON: _write_json, Format.PARQUET: _write_parquet}


def _flat(frame: "pl.DataFrame") -> "pl.DataFrame":
    """CSV holds no lists, maps, structs and bytes: JSON and base64 stand for them."""
    import polars as pl

    def flat(column: pl.Series) -> pl.Series:
        if column.dtype.is_nested():
            return pl.Series(
                column.name, [None if value is None else _json(value) for value in column.to_list()], pl.String
            )
        return column.bin.encode("base64") if column.dtype == pl.Binary else column

    return frame.with_columns(flat(column) for column in frame)


def _json(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


@contextmanager
def _progress(batches: "Iterator[Batch]", name: str) -> "Iterator[Iterator[Batch]]":
    """A bar of bytes on stderr where that is a terminal and the data does not go there too."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal or sys.stdout.isatty():
        yield batches
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=None)

        def watched() -> "Iterator[Batch]":
            for batch in batches:
                yield batch
                progress.update(task, completed=batch.bytes_read, total=batch.bytes)

        yield watched()


@contextmanager
def _output_errors() -> Iterator[None]:
    """Stop quietly where the reader of a pipe has had enough, as `head` does; say so where a disk is full."""
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered would fail again at exit
        if not isinstance(error, BrokenPipeError):
            raise LakeshareError(f"The output cannot be written: {error.strerror}.") from error
