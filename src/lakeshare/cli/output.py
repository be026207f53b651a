"""What people and programs see: tables, JSON, times and sizes."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakeshare.errors import LakeshareError


def print_json(document: object) -> None:
    """One JSON document on stdout, as UTF-8."""
    typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table as wide as the terminal; whole lines where stdout is a pipe."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    _print(table)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, one pair a line."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(printable(value)))
    _print(table)


def print_heading(text: str) -> None:
    typer.secho(f"\n{printable(text)}", bold=True)


def print_error(error: LakeshareError) -> None:
    """The message on stderr, below it the hint, and what only an operator may see: who types commands is one."""
    typer.secho("Error: ", fg=typer.colors.RED, bold=True, nl=False, err=True)
    typer.echo(printable(error.message), err=True)
    for more in filter(None, (error.hint, error.detail)):
        typer.echo(printable(more), err=True)


def print_warning(text: str) -> None:
    typer.secho("Warning: ", fg=typer.colors.YELLOW, bold=True, nl=False, err=True)
    typer.echo(text, err=True)


def printable(text: str) -> str:
    """The text without control characters, which could rewrite what a terminal shows."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def format_time(milliseconds: int) -> str:
    """Epoch milliseconds as `2026-11-03 12:34:56 UTC`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def format_size(size: int) -> str:
    """Bytes as `1.2 MB`, in powers of ten."""
    power = next(power for power in range(len(_SIZES)) if size < 999.95 * 1000**power or power == len(_SIZES) - 1)
    return f"{size} B" if power == 0 else f"{size / 1000**power:,.1f} {_SIZES[power]}"


def count(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
_PIPE_WIDTH = 1_000_000  # columns: more than any row has


def _print(table: Table) -> None:
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(file=sys.stdout, width=width, highlight=False).print(table)
