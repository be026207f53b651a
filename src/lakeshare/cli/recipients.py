"""lakeshare recipient: name those who may be granted shares."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeshare.cli.durations import parse_duration
from lakeshare.cli.options import Home, Json
from lakeshare.cli.output import format_time, print_facts, print_heading, print_json, print_table, print_warning
from lakeshare.cli.profile_file import NewProfileFile
from lakeshare.cli.session import administrator, describe_issued_urls, run
from lakeshare.errors import LakeshareError

if TYPE_CHECKING:
    from lakeshare.operations.describe_recipient import DescribedToken, RecipientDescription
    from lakeshare.operations.invitation import Invitation
    from lakeshare.operations.services import Services

app = typer.Typer(no_args_is_help=True, help="Name those who may be granted shares.")

Name = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The recipient's name.")]


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except LakeshareError as error:
        raise typer.BadParameter(str(error)) from error


@app.command(epilog="Example: lakeshare recipient create partner_co --expires-in 90d")
def create(
    name: Name,
    expires_in: Annotated[
        int, typer.Option(parser=_duration, metavar="LENGTH", help="How long the token lives: 90s, 15m, 12h, 30d, 4w.")
    ] = "30d",  # type: ignore[assignment]  # the parser takes the default as it takes what was typed
    profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the credential to this new file (mode 0600) instead of making a link."
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Make a recipient, and print the one-time link that gives it its credential file."""
    if profile is not None:
        _create_with_profile(name, expires_in, profile, home)
        return
    from lakeshare.operations.create_recipient import create_recipient

    async def work(services: "Services") -> tuple["Invitation", bool]:
        invitation = await create_recipient(services, administrator(), name, lifetime_ms=expires_in)
        return invitation, await _address_is_guessed(home, services)

    invitation, guessed = run(home, work)
    typer.echo(f"Created recipient {invitation.recipient.name}.")
    _print_invitation(invitation, guessed)
    typer.echo(f"Next: lakeshare grant SHARE --to {invitation.recipient.name}")


@app.command("list", epilog="Example: lakeshare recipient list --json")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the recipients."""
    from lakeshare.operations.describe_recipient import list_recipients

    recipients = run(home, list_recipients)
    if as_json:
        print_json({"recipients": [_recipient_document(described) for described in recipients]})
    elif recipients:
        print_table(
            ["Recipient", "Token", "Shares", "Created"],
            [
                [
                    described.recipient.name,
                    _state(described.tokens[-1]),
                    ", ".join(share.name for share in described.shares),
                    format_time(described.recipient.created_at),
                ]
                for described in recipients
            ],
        )
    else:
        typer.echo("No recipients yet. Create one: lakeshare recipient create NAME")


@app.command(epilog="Example: lakeshare recipient show partner_co")
def show(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Show a recipient's tokens and shares. Tokens and links themselves are never shown again."""
    from lakeshare.operations.describe_recipient import describe_recipient

    described = run(home, lambda services: describe_recipient(services, name))
    if as_json:
        print_json(_recipient_document(described))
        return
    recipient = described.recipient
    print_facts(
        [
            ("Recipient", recipient.name),
            ("Created", format_time(recipient.created_at)),
            ("Shares", ", ".join(share.name for share in described.shares) or "none"),
            ("Id", recipient.id),
        ]
    )
    if not described.shares:
        typer.echo(f"It may read nothing yet: lakeshare grant SHARE --to {recipient.name}")
    print_heading("Tokens")
    print_table(
        ["Token", "State", "Created", "Activated"],
        [
            [
                each.token.id,
                _state(each),
                format_time(each.token.created_at),
                "" if each.token.activated_at is None else format_time(each.token.activated_at),
            ]
            for each in described.tokens
        ],
    )


@app.command(epilog="Example: lakeshare recipient rotate partner_co")
def rotate(name: Name, home: Home = None) -> None:
    """Replace a recipient's token: the old one ends now, and a new link is printed."""
    from lakeshare.operations.rotate_token import rotate_token

    async def work(services: "Services") -> tuple["Invitation", bool, str]:
        invitation = await rotate_token(services, administrator(), name)
        return invitation, await _address_is_guessed(home, services), describe_issued_urls(services)

    invitation, guessed, urls_end = run(home, work)
    typer.echo(f"Rotated the token of {invitation.recipient.name}: older tokens and links work no more.\n{urls_end}")
    _print_invitation(invitation, guessed)


@app.command(epilog="Example: lakeshare recipient delete partner_co")
def delete(name: Name, home: Home = None) -> None:
    """Delete a recipient, with its tokens, links and grants."""
    from lakeshare.operations.delete_recipient import delete_recipient

    async def work(services: "Services") -> str:
        recipient = await delete_recipient(services, administrator(), name)
        return f"Deleted recipient {recipient.name}, its tokens and its grants.\n{describe_issued_urls(services)}"

    typer.echo(run(home, work))


def _create_with_profile(name: str, lifetime_ms: int, path: Path, home: Path | None) -> None:
    from lakeshare.operations.create_recipient import create_recipient_with_profile
    from lakeshare.protocol.profile import encode_profile

    async def work(services: "Services") -> tuple[str, bool]:
        recipient, minted = await create_recipient_with_profile(
            services, administrator(), name, lifetime_ms=lifetime_ms
        )
        file.write(encode_profile(minted))
        return recipient.name, await _address_is_guessed(home, services)

    with NewProfileFile(path) as file:
        created, guessed = run(home, work)
    typer.echo(f"Created recipient {created}. Its credential is in {path}: hand it over as you would a password.")
    if guessed:
        _warn_about_address()
    typer.echo(f"Next: lakeshare grant SHARE --to {created}")


def _print_invitation(invitation: "Invitation", guessed: bool) -> None:
    """The link stands alone on its line, to be copied."""
    typer.echo("Send this link to the recipient; it works once:")
    typer.echo(f"\n  {invitation.link}\n")
    typer.echo(f"The link is open until {format_time(invitation.token.link_expires_at)}.")
    if invitation.token.expires_at is not None:
        typer.echo(f"The token expires at {format_time(invitation.token.expires_at)}.")
    if guessed:
        _warn_about_address()


async def _address_is_guessed(home: Path | None, services: "Services") -> bool:
    """Whether nobody has said yet where recipients reach the server."""
    from lakeshare.settings import load_settings

    return load_settings(home).public_url is None and await services.catalog.public_url() is None


def _warn_about_address() -> None:
    print_warning(
        "No public URL is set, so the address in it is a guess. Set LAKESHARE_PUBLIC_URL, or start "
        "`lakeshare serve --public-url URL` once, before you make links and profiles."
    )


def _state(described: "DescribedToken") -> str:
    until = described.state.until
    if until is None:
        return described.state.state
    return f"{described.state.state} {'since' if 'expired' in described.state.state else 'until'} {format_time(until)}"


def _recipient_document(described: "RecipientDescription") -> dict[str, Any]:
    return {
        "name": described.recipient.name,
        "id": described.recipient.id,
        "created_at": described.recipient.created_at,
        "tokens": [
            {
                "id": each.token.id,
                "state": each.state.state,
                "created_at": each.token.created_at,
                "activated_at": each.token.activated_at,
                "link_expires_at": each.token.link_expires_at,
                "expires_at": each.token.expires_at,
            }
            for each in described.tokens
        ],
        "shares": [share.name for share in described.shares],
    }
