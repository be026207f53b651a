"""Options that many commands take."""

from pathlib import Path
from typing import Annotated

import typer

_HOME_KEY = "lakeshare.home"


def _remember_home(context: typer.Context, value: Path | None) -> Path | None:
    """Let `--home` stand before the command as well as after it: a command's own wins."""
    if value is not None:
        context.meta[_HOME_KEY] = value
    home: Path | None = context.meta.get(_HOME_KEY)
    return home


Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        callback=_remember_home,
        help="Where the state lives: else LAKESHARE_HOME, else ./.lakeshare.",
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for programs.")]
