"""A provider in a test: a real home, the whole application over it in this process, and what sets it up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import msgspec
import polars as pl
from starlette.applications import Starlette

from lakeshare.audit.events import AuditEvent
from lakeshare.bootstrap import local_services
from lakeshare.operations.activate_recipient import mint_profile
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.services import Caller, Services
from lakeshare.settings import Settings

ADMIN = Caller("admin")


@dataclass
class Provider:
    """A provider's home, the application over it, and what a test needs to set it up further."""

    settings: Settings
    app: Starlette
    lake: Path
    client: httpx.AsyncClient

    @property
    def served(self) -> Services:
        services: Services = self.app.state.services
        return services

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[Services]:
        """Services of another process, as the command line has them."""
        async with local_services(self.settings) as services:
            yield services

    async def share(self, share: str, table: str, location: Path, **options) -> None:
        """Register a table as `acme.{table}` and share it as `{table}`."""
        async with self.admin() as services:
            if share not in [known.name for known in await services.catalog.shares()]:
                await create_share(services, ADMIN, share, "")
            await create_table(services, ADMIN, f"acme.{table}", str(location), [])
            await add_to_share(services, ADMIN, share, f"acme.{table}", **options)

    async def recipient(self, name: str, *shares: str) -> str:
        """A recipient's bearer token."""
        async with self.admin() as services:
            invited = await create_recipient(services, ADMIN, name)
            for share in shares:
                await grant_share(services, ADMIN, share, name)
            return (await mint_profile(services, ADMIN, invited.recipient, invited.token)).bearer_token

    def move_clock(self, days: int) -> None:
        """Let the server believe that it is later."""
        clock = self.served.clock
        self.app.state.services = replace(self.served, clock=lambda: clock() + days * 86_400_000)

    def events(self) -> list[AuditEvent]:
        """What the server's own spool holds, oldest first."""
        lines = (self.settings.audit_directory / "worker-0.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=AuditEvent) for line in lines]


def orders(rows: int = 100) -> pl.DataFrame:
    """Orders over two years and two regions."""
    return pl.DataFrame(
        {
            "order_id": range(rows),
            "region": ["EMEA" if row % 2 else "Île de France" for row in range(rows)],
            "day": pl.date_range(pl.date(2025, 1, 1), pl.date(2025, 1, 1) + pl.duration(days=rows - 1), eager=True),
        }
    )
