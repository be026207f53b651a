"""lakeshare audit: who read and changed what."""

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from lakeshare.cli.options import Home
from lakeshare.cli.output import format_time, print_table, printable

if TYPE_CHECKING:
    from lakeshare.audit.events import AuditEvent

RECENT = 50
POLL_SECONDS = 0.5


def audit(
    follow: Annotated[bool, typer.Option("--follow", help="Go on with new events until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON event a line, for programs.")] = False,
    home: Home = None,
) -> None:
    """Show the last 50 reads, refusals and changes."""
    from lakeshare.audit.history import events_after, recent_events
    from lakeshare.audit.replay import replay
    from lakeshare.bootstrap import open_database
    from lakeshare.settings import load_settings

    settings = load_settings(home)
    engine = open_database(settings)
    try:
        replay(engine, settings.audit_directory)
        page = recent_events(engine, RECENT)
        if not page.events and not follow:
            _print_nothing(as_json)
            return
        _print(page.events, as_json, follow)
        while follow:
            time.sleep(POLL_SECONDS)
            replay(engine, settings.audit_directory)
            page = events_after(engine, page.position, RECENT)
            _print(page.events, as_json, follow)
    finally:
        engine.dispose()


def _print_nothing(as_json: bool) -> None:
    if not as_json:
        typer.echo("Nothing happened yet. Everything that recipients read and administrators change is shown here.")


def _print(events: "Sequence[AuditEvent]", as_json: bool, follow: bool) -> None:
    """A table; one line an event where more may follow."""
    if as_json:
        for event in events:
            typer.echo(msgspec.json.encode(event).decode())
    elif follow:
        for event in events:
            when, who, action, what, outcome = map(printable, _row(event))
            typer.echo(f"{when}  {who:<16}  {action:<28}  {what}  {outcome}")
    else:
        print_table(["Time", "Who", "Action", "What", "Outcome"], map(_row, events))


def _row(event: "AuditEvent") -> tuple[str, str, str, str, str]:
    response = event.response
    outcome = "ok" if response.error_message is None else f"{response.status_code} {response.error_message}"
    return (
        format_time(event.event_time),
        event.user_identity.email or "unknown",
        event.action_name,
        _subject(event.request_params),
        outcome,
    )


def _subject(params: dict[str, str]) -> str:
    """What it was about: the share and table of a read, the name that was administered, and what changed."""
    names = [params[key] for key in _NAMES if key in params]
    subject = ".".join(names) or params.get("recipient_name", "")
    details = [params[key] for key in _DETAILS if key in params]
    return " ".join([subject, *(_PUNCTUATION.sub("", text).replace(":", " ").replace(",", ", ") for text in details)])


_NAMES = ("share_name", "schema", "catalog_name", "schema_name", "name", "full_name_arg")
_DETAILS = ("table_full_name", "updates", "changes")  # the last two are JSON
_PUNCTUATION = re.compile(r'[\[\]{}"]')
