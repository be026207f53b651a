"""Options that many commands take."""

from pathlib import Path
from typing import Annotated, Any

import typer

_HOME_KEY = "lakeshare.home"


def _remember_home(context: typer.Context, value: Path | None) -> Path | None:
    """Let `--home` stand before the command as well as after it: a command's own wins."""
    if value is not None:
        context.meta[_HOME_KEY] = value
    home: Path | None = context.meta.get(_HOME_KEY)
    return home


def home_option(told: str) -> Any:
    """The option `--home`, with its help."""
    return typer.Option("--home", metavar="DIR", callback=_remember_home, help=told)


Home = Annotated[Path | None, home_option("Where the state lives: else LAKESHARE_HOME, else ./.lakeshare.")]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
