"""lakeshare share: group tables for recipients."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeshare.cli.options import Home, Json
from lakeshare.cli.output import format_time, print_facts, print_heading, print_json, print_table
from lakeshare.cli.session import administrator, describe_issued_urls, run

if TYPE_CHECKING:
    from lakeshare.catalog.model import SharedTable
    from lakeshare.operations.describe_share import ShareDescription
    from lakeshare.operations.services import Services

app = typer.Typer(no_args_is_help=True, help="Group tables for recipients.")

Name = Annotated[str, typer.Argument(metavar="SHARE", help="The share's name.")]


@app.command(epilog="Example: lakeshare share create external_retail --comment 'Retail, for partners'")
def create(
    name: Name,
    comment: Annotated[str, typer.Option(metavar="TEXT", help="What the share is for.")] = "",
    home: Home = None,
) -> None:
    """Make an empty share."""
    from lakeshare.operations.create_share import create_share

    share = run(home, lambda services: create_share(services, administrator(), name, comment))
    typer.echo(f"Created share {share.name}.")
    typer.echo(f"Next: lakeshare share add {share.name} CATALOG.SCHEMA.TABLE")


@app.command(epilog="Example: lakeshare share add external_retail acme_corp.retail.sales --as retail.sales_2026")
def add(
    name: Name,
    table: Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA.TABLE", help="A registered table.")],
    shared_as: Annotated[
        str | None,
        typer.Option("--as", metavar="SCHEMA.NAME", help="The name that recipients see; by default the table's own."),
    ] = None,
    history: Annotated[
        bool | None,
        typer.Option(
            "--history/--no-history",
            help="Whether recipients may read the table's earlier versions.",
            show_default="no-history",
        ),
    ] = None,
    start_version: Annotated[
        int | None,
        typer.Option(
            "--start-version", metavar="N", help="The first version that recipients may read; implies --history."
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Put a registered table into a share."""
    from lakeshare.operations.add_to_share import add_to_share

    if history is None:
        history = start_version is not None
    shared = run(
        home,
        lambda services: add_to_share(
            services,
            administrator(),
            name,
            table,
            shared_as=shared_as,
            history=history,
            start_version=start_version,
        ),
    )
    kept = {"no": "without history", "yes": "with its history"}.get(
        _history(shared), f"with its history from version {shared.start_version} on"
    )
    typer.echo(f"Added {shared.table.full_name} to share {shared.share} as {shared.shared_as}, {kept}.")
    typer.echo(f"Next: lakeshare grant {shared.share} --to RECIPIENT")


@app.command(epilog="Example: lakeshare share remove external_retail retail.sales_2026")
def remove(
    name: Name,
    shared_as: Annotated[str, typer.Argument(metavar="SCHEMA.NAME", help="The name that recipients see.")],
    home: Home = None,
) -> None:
    """Take a table out of a share."""
    from lakeshare.operations.remove_from_share import remove_from_share

    async def work(services: "Services") -> str:
        removed = await remove_from_share(services, administrator(), name, shared_as)
        return f"Removed {removed.shared_as} from share {removed.share}.\n{describe_issued_urls(services)}"

    typer.echo(run(home, work))


@app.command("list", epilog="Example: lakeshare share list --json")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the shares."""
    from lakeshare.operations.describe_share import list_shares

    shares = run(home, list_shares)
    if as_json:
        print_json({"shares": [_share_document(described) for described in shares]})
    elif shares:
        print_table(
            ["Share", "Tables", "Recipients", "Comment", "Created"],
            [
                [
                    described.share.name,
                    str(len(described.tables)),
                    ", ".join(recipient.name for recipient in described.recipients),
                    described.share.comment,
                    format_time(described.share.created_at),
                ]
                for described in shares
            ],
        )
    else:
        typer.echo("No shares yet. Create one: lakeshare share create NAME")


@app.command(epilog="Example: lakeshare share show external_retail")
def show(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Show a share's tables, and the recipients that may read them."""
    from lakeshare.operations.describe_share import describe_share

    described = run(home, lambda services: describe_share(services, name))
    if as_json:
        print_json(_share_document(described))
        return
    share = described.share
    print_facts(
        [
            ("Share", share.name),
            ("Comment", share.comment),
            ("Created", format_time(share.created_at)),
            ("Recipients", ", ".join(recipient.name for recipient in described.recipients) or "none"),
        ]
    )
    if not described.recipients:
        typer.echo(f"Nobody may read it yet: lakeshare grant {share.name} --to RECIPIENT")
    if not described.tables:
        typer.echo(f"It has no tables yet: lakeshare share add {share.name} CATALOG.SCHEMA.TABLE")
        return
    print_heading("Tables")
    print_table(
        ["Shared as", "Table", "Format", "History"],
        [
            [shared.shared_as, shared.table.full_name, shared.table.format, _history(shared)]
            for shared in described.tables
        ],
    )


@app.command(epilog="Example: lakeshare share delete external_retail")
def delete(name: Name, home: Home = None) -> None:
    """Take a share away from everyone. Its tables stay registered."""
    from lakeshare.operations.delete_share import delete_share

    async def work(services: "Services") -> str:
        share = await delete_share(services, administrator(), name)
        return f"Deleted share {share.name}.\n{describe_issued_urls(services)}"

    typer.echo(run(home, work))


def _history(shared: "SharedTable") -> str:
    if not shared.history:
        return "no"
    return f"from version {shared.start_version}" if shared.start_version else "yes"


def _share_document(described: "ShareDescription") -> dict[str, Any]:
    return {
        "name": described.share.name,
        "id": described.share.id,
        "comment": described.share.comment,
        "created_at": described.share.created_at,
        "tables": [
            {
                "shared_as": shared.shared_as,
                "table": shared.table.full_name,
                "table_id": shared.table.id,
                "format": shared.table.format,
                "history": shared.history,
                "start_version": shared.start_version,
                "added_at": shared.added_at,
            }
            for shared in described.tables
        ],
        "recipients": [recipient.name for recipient in described.recipients],
    }
