"""Which versions a request means, and whether its read scope lets it (design: "What a read may touch").

Without history only the current version exists. With it, snapshots may be read from the scope's start version on, and
changes from the version after it. A starting timestamp before that moves up to it.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from lakeshare.errors import InvalidValue, VersionGone
from lakeshare.operations.read_table import AuthorizedTable, naming_errors
from lakeshare.operations.services import Services
from lakeshare.protocol.requests import RangeRequest
from lakeshare.protocol.timestamps import parse_timestamp
from lakeshare.tables.history import shown_time


@dataclass(frozen=True, slots=True)
class VersionRange:
    """Both inclusive. `newest` is the table's newest version when the range was decided."""

    start: int
    end: int
    newest: int


def require_history(table: AuthorizedTable, asked: Mapping[str, object]) -> None:
    """Raises InvalidValue where something of `asked` (parameters by name) was sent, and the share has no history."""
    fields = [field for field, value in asked.items() if value is not None]
    if fields and not table.scope.history:
        raise InvalidValue(
            f"{' and '.join(fields)} cannot be used: '{table.shown_as}' is shared without its history.",
            hint="Read the table as it is now, or ask the provider to share its history.",
        )


async def moment_to_version(
    services: Services, table: AuthorizedTable, version: int | None, timestamp: str | None
) -> int | None:
    """The version that `version` or `timestamp` asks for; None where neither is given. Raises InvalidValue."""
    require_history(table, {"version": version, "timestamp": timestamp})
    if timestamp is not None:
        asked_ms = parse_timestamp("timestamp", timestamp)
        version = await _version_at(services, table, asked_ms, shown=f"timestamp {timestamp!r}")
    if version is not None and version < table.scope.start_version:
        raise _before_start(table, f"Version {version}", "read", table.scope.start_version)
    return version


async def version_from(services: Services, table: AuthorizedTable, starting_timestamp: str, first: int) -> int:
    """The earliest version at or after a starting timestamp; not before `first`. Raises InvalidValue."""
    asked_ms = parse_timestamp("startingTimestamp", starting_timestamp)
    with naming_errors(table):
        found = await services.tables.version_from(table.source, asked_ms)
    return max(found.version, first)


async def version_range(
    services: Services, table: AuthorizedTable, request: RangeRequest, *, first: int, clamp_end: bool
) -> VersionRange:
    """The versions whose changes are asked for.

    `first` is the first that the scope lets be read; `clamp_end` says whether an end behind the newest version means
    the newest. Raises InvalidValue.
    """
    end_ms = None if request.ending_timestamp is None else parse_timestamp("endingTimestamp", request.ending_timestamp)
    start = request.starting_version
    if start is not None and start < first:
        raise _before_start(table, f"startingVersion {start}", "read the changes of", first)
    newest = await _newest(services, table, at_least=max(start or 0, request.ending_version or 0))
    if request.starting_timestamp is not None:
        start = await version_from(services, table, request.starting_timestamp, first)
    assert start is not None, "one of the two was required"
    if start > newest:
        raise InvalidValue(
            f"The changes start at version {start}, but the newest version of '{table.shown_as}' is {newest}.",
            hint=f"Start at {newest} or before.",
        )
    end = newest if request.ending_version is None else request.ending_version
    if end_ms is not None:
        with naming_errors(table):
            end = (await services.tables.version_at(table.source, end_ms)).version
    if end < start:
        raise InvalidValue(
            f"The changes start at version {start}, which is behind their end, version {end}.",
            hint="Send an end that is not before the start.",
        )
    if end > newest and not clamp_end:
        raise InvalidValue(
            f"The changes end at version {end}, but the newest version of '{table.shown_as}' is {newest}.",
            hint=f"Send an endingVersion up to {newest}, or none.",
        )
    return VersionRange(start, min(end, newest), newest)


async def _version_at(services: Services, table: AuthorizedTable, asked_ms: int, *, shown: str) -> int:
    """The version as of a moment. There is none yet for a moment after the newest commit."""
    with naming_errors(table):
        found = await services.tables.version_at(table.source, asked_ms)
    newest = await _newest(services, table)
    if found.version == newest and asked_ms > found.timestamp:
        raise InvalidValue(
            f"The {shown} is after the newest version of '{table.shown_as}', which is of "
            f"{shown_time(found.timestamp)}.",
            hint="Send an earlier one, or none to read the newest version.",
        )
    return found.version


async def _newest(services: Services, table: AuthorizedTable, *, at_least: int = 0) -> int:
    """The newest version: as of now where the one that is believed is older than `at_least`.

    A client may have seen that version at another replica. To end before it would lose its changes for good.
    """
    with naming_errors(table):
        newest = (await services.tables.history(table.source)).last
        if newest >= at_least:
            return newest
        with suppress(VersionGone):
            await services.tables.metadata_at(table.source, at_least)
        return (await services.tables.history(table.source)).last


def _before_start(table: AuthorizedTable, asked: str, verb: str, first: int) -> InvalidValue:
    return InvalidValue(
        f"{asked} is before what is shared of '{table.shown_as}'.", hint=f"You can {verb} version {first} and later."
    )
