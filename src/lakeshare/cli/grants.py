"""lakeshare grant and lakeshare revoke: who may read a share."""

from typing import TYPE_CHECKING, Annotated

import typer

from lakeshare.cli.options import Home
from lakeshare.cli.session import administrator, describe_issued_urls, run

if TYPE_CHECKING:
    from lakeshare.operations.services import Services

Share = Annotated[str, typer.Argument(metavar="SHARE", help="The share's name.")]


def grant(
    share: Share,
    recipient: Annotated[str, typer.Option("--to", metavar="RECIPIENT", help="Who may read it.")],
    home: Home = None,
) -> None:
    """Let a recipient read a share. A running server knows within a second."""
    from lakeshare.operations.grant_share import grant_share

    granted = run(home, lambda services: grant_share(services, administrator(), share, recipient))
    if granted.is_new:
        typer.echo(f"{granted.recipient.name} may now read {granted.share.name}.")
    else:
        typer.echo(f"{granted.recipient.name} may read {granted.share.name} already; nothing changed.")


def revoke(
    share: Share,
    recipient: Annotated[str, typer.Option("--from", metavar="RECIPIENT", help="Who may no longer read it.")],
    home: Home = None,
) -> None:
    """Take a share away from a recipient. New reads are refused within a second; issued URLs live until they expire."""
    from lakeshare.operations.revoke_share import revoke_share

    async def work(services: "Services") -> str:
        revoked = await revoke_share(services, administrator(), share, recipient)
        if not revoked.was_granted:
            return f"{revoked.recipient.name} had no grant on {revoked.share.name}; nothing changed."
        told = f"{revoked.recipient.name} may no longer read {revoked.share.name}."
        return f"{told}\n{describe_issued_urls(services)}"

    typer.echo(run(home, work))
