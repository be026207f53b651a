"""Opens the state for one command."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lakeshare.cli.durations import describe_duration
from lakeshare.cli.output import format_time

if TYPE_CHECKING:
    from lakeshare.operations.services import Caller, Services

Answer = TypeVar("Answer")


def run(home: Path | None, work: "Callable[[Services], Awaitable[Answer]]") -> Answer:
    """Open the state in `home`, do the work with it, and close it again."""
    from lakeshare.bootstrap import local_services
    from lakeshare.settings import load_settings

    settings = load_settings(home)

    async def session() -> Answer:
        async with local_services(settings) as services:
            return await work(services)

    return asyncio.run(session())


def administrator() -> "Caller":
    """Whoever is logged in on this machine, as the audit tells it."""
    from lakeshare.operations.services import Caller

    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in many containers
        name = f"uid {os.getuid()}"
    return Caller(name=name, user_agent="lakeshare-cli")


def describe_issued_urls(services: "Services") -> str:
    """When the URLs end that recipients hold already."""
    from lakeshare.operations.issued_urls import issued_urls_end

    clock_time = format_time(issued_urls_end(services)).split(" ", 1)[1]
    return f"Issued URLs stop working by {clock_time} (in {describe_duration(services.url_seconds * 1000)})."
