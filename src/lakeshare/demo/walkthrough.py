"""The seeded walk-through: a sample lakehouse, a server, a recipient who reads it back, and a chart."""

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import uvicorn
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table

from lakeshare.bootstrap import local_services, server_config
from lakeshare.client.sharing import SharingClient
from lakeshare.demo.chart import save_chart
from lakeshare.demo.lakehouse import Lakehouse, write_lakehouse
from lakeshare.demo.report import differences, read_written, revenue_by_segment
from lakeshare.errors import AlreadyExists, InvalidValue, Unavailable
from lakeshare.operations.activate_recipient import mint_profile
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.rotate_token import rotate_token
from lakeshare.operations.services import Caller
from lakeshare.protocol.profile import Profile, encode_profile
from lakeshare.settings import Settings, load_settings

RECIPIENT = "partner_co"
START_SECONDS = 30
PROFILE_SECONDS = 30 * 24 * 3600
PROVIDER = Caller("demo", user_agent="lakeshare-demo")
_MARK = "this-is-a-demo"


@dataclass(frozen=True, slots=True)
class Invited:
    """What the recipient was given: the profile saved at `path`, and a link that makes another one."""

    profile: Profile
    path: Path
    link: str


def run_demo(directory: Path, port: int, *, check: bool) -> int:
    """Walk through everything, then serve until Ctrl-C unless `check`; gives the exit code.

    The state and the sample are written anew into `directory`. Raises AlreadyExists where it holds something that is
    no demo, Unavailable where the port is taken.
    """
    console = Console()
    _make_room(directory)
    settings = load_settings(directory, f"http://127.0.0.1:{port}")
    lakehouse = _write_lakehouse(directory / "lakehouse", console)
    invited = asyncio.run(_share_with_partner(settings, lakehouse))
    with _serving(settings, port):
        wrong = _read_as_recipient(invited, lakehouse, directory / "revenue_by_segment.png", console)
        for sentence in wrong:
            console.print(f"[red]{sentence}")
        if check:
            console.print("[red]What was read differs." if wrong else "[green]What was read equals what was written.")
            return 1 if wrong else 0
        _print_invitation(settings, directory, invited, console)
        _wait_for_ctrl_c()
    console.print(f"Stopped. The demo is in {directory}; `make demo` writes it anew.")
    return 0


def _make_room(directory: Path) -> None:
    if (directory / _MARK).exists():
        shutil.rmtree(directory)
    if directory.exists() and any(directory.iterdir()):
        raise AlreadyExists(
            f"The directory {str(directory)!r} holds something that is not a demo.", hint="Name another with --home."
        )
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / _MARK).touch()


def _write_lakehouse(directory: Path, console: Console) -> Lakehouse:
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Writing the sample lakehouse")

        def show(step: str, done: int, total: int) -> None:
            said = "The sample lakehouse is written" if done == total else f"Writing the sample lakehouse: {step}"
            bar.update(task, description=said, completed=done, total=total)

        return write_lakehouse(directory, progress=show)


async def _share_with_partner(settings: Settings, lakehouse: Lakehouse) -> Invited:
    """What a provider does on the command line: register, share, invite, grant."""
    async with local_services(settings) as services:
        for share in dict.fromkeys(table.share for table in lakehouse.tables):
            await create_share(services, PROVIDER, share, "Written by lakeshare demo")
        for table in lakehouse.tables:
            await create_table(services, PROVIDER, table.full_name, str(table.location))
            await add_to_share(services, PROVIDER, table.share, table.full_name)
        invitation = await create_recipient(services, PROVIDER, RECIPIENT)
        for share in dict.fromkeys(table.share for table in lakehouse.tables):
            await grant_share(services, PROVIDER, share, RECIPIENT)
        profile = await mint_profile(services, PROVIDER, invitation.recipient, invitation.token)
        second = await rotate_token(services, PROVIDER, RECIPIENT, keep_seconds=PROFILE_SECONDS)
    path = settings.home / f"{RECIPIENT}.share"
    path.touch(mode=0o600)
    path.write_bytes(encode_profile(profile))
    return Invited(profile, path, second.link)


@contextmanager
def _serving(settings: Settings, port: int) -> Iterator[None]:
    """The real server, in a thread of this process."""
    server = uvicorn.Server(server_config(settings, "127.0.0.1", port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise Unavailable(f"The server did not start on port {port}.", hint="If it is taken, name another: --port.")
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def _read_as_recipient(invited: Invited, lakehouse: Lakehouse, chart: Path, console: Console) -> list[str]:
    """Read every table through the share, show the revenue, and tell what differs from the files on the disk."""
    read: dict[str, pl.DataFrame] = {}
    with SharingClient(invited.profile) as client, console.status(f"Reading as {RECIPIENT}"):
        for share in client.shares():
            for name in client.all_tables(share):
                read[name.table] = client.read(name)
    unread = sorted({table.name for table in lakehouse.tables} ^ set(read))
    if unread:
        raise InvalidValue(f"The share should list other tables: {', '.join(unread)}.")
    revenue = revenue_by_segment(read["customers"], read["sales_transactions"])
    save_chart(revenue, chart)
    rows = sum(frame.height for frame in read.values())
    console.print(f"\nRead back as [bold]{RECIPIENT}[/]: {len(read)} tables, {rows:,} rows.\n")
    console.print(_revenue_table(revenue))
    console.print(f"\nChart: {chart}")
    return [
        f"{table.full_name}: {sentence}"
        for table in lakehouse.tables
        for sentence in differences(read_written(table.location), read[table.name])
    ]


def _revenue_table(revenue: pl.DataFrame) -> Table:
    table = Table(title="Revenue by customer segment", title_justify="left")
    table.add_column("segment")
    for heading in ("customers", "transactions", "revenue"):
        table.add_column(heading, justify="right")
    for segment, customers, transactions, amount in revenue.iter_rows():
        table.add_row(segment, f"{customers:,}", f"{transactions:,}", f"{amount:,.2f}")
    return table


def _print_invitation(settings: Settings, directory: Path, invited: Invited, console: Console) -> None:
    profile = str(invited.path)
    if Path.cwd() in invited.path.parents:
        profile = str(invited.path.relative_to(Path.cwd()))
    sales = f"{profile}#external_retail.retail.sales_transactions"
    facts = {
        "address": f"{settings.public_url}/delta-sharing",
        "activation link": invited.link,
        "profile file": profile,
        "look around": f"lakeshare share list --home {directory.name}",
    }
    console.print(f"\n[bold]{RECIPIENT} can read")
    for name, fact in facts.items():  # never folded nor cut: links are for copying
        console.print(f"{name:<16} {fact}", soft_wrap=True, highlight=False)
    for name, code in snippets(sales).items():
        console.print(f"\n[bold]{name}", highlight=False)
        console.print(Syntax(code.rstrip(), "python", background_color="default"), soft_wrap=True)
    console.print("\n[bold]Serving. Press Ctrl-C to stop.")


def snippets(table: str) -> dict[str, str]:
    """Five lines for each of the common clients, given a table's address."""
    return {
        "pandas (pip install delta-sharing)": f"""\
import delta_sharing
table = "{table}"
sales = delta_sharing.load_as_pandas(table)
revenue = sales.groupby("region")["total_amount"].sum()
print(revenue)
""",
        "Polars (pip install lakeshare)": f"""\
import lakeshare
table = "{table}"
sales = lakeshare.read_table(table)
revenue = sales.select("region", "total_amount").group_by("region").sum()
print(revenue)
""",
        "Spark (with the package io.delta:delta-sharing-spark_2.13)": f"""\
reader = spark.read.format("deltaSharing")
table = "{table}"
sales = reader.load(table)
revenue = sales.groupBy("region").sum("total_amount")
revenue.show()
""",
    }


def _wait_for_ctrl_c() -> None:
    with suppress(KeyboardInterrupt):
        threading.Event().wait()
