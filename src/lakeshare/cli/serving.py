"""lakeshare serve and lakeshare demo."""

import os
from pathlib import Path
from typing import Annotated

import typer

from lakeshare.cli.options import Home, home_option

DEMO_HOME = "lakeshare-demo"

Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]
DemoHome = Annotated[
    Path | None, home_option(f"Where the demo lives, written anew each time: else LAKESHARE_HOME, else ./{DEMO_HOME}.")
]


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Port = 8000,
    public_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="How recipients reach this server: else LAKESHARE_PUBLIC_URL, else its address."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that answer side by side: about one a core.")
    ] = 1,
    home: Home = None,
) -> None:
    """Serve the shares until Ctrl-C.

    For a machine of four cores: lakeshare serve --workers 4
    """
    from lakeshare.bootstrap import serve as serve_forever
    from lakeshare.settings import load_settings

    raise typer.Exit(serve_forever(load_settings(home, public_url), host, port, workers))


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Stop when the share was read back; exit 0 only if nothing differs.")
    ] = False,
    port: Port = 8000,
    home: DemoHome = None,
) -> None:
    """Write a sample lakehouse, share it, read it back as a recipient, and go on serving until Ctrl-C."""
    from lakeshare.demo.walkthrough import run_demo

    directory = home or Path(os.environ.get("LAKESHARE_HOME", DEMO_HOME))
    raise typer.Exit(run_demo(directory, port, check=check))
