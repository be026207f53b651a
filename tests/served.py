"""A real server process whose one recipient may read given tables, with their history."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lakeshare.bootstrap import local_services
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient_with_profile
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.protocol.profile import Profile, encode_profile
from lakeshare.settings import load_settings
from provider import ADMIN
from running import RunningServer, running_server


@dataclass(frozen=True)
class Served:
    server: RunningServer
    profile: Profile
    profile_file: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.profile.bearer_token}"}

    def table(self, name: str) -> str:
        """The URL of a table, `share.schema.table`, below which its endpoints are."""
        share, schema, table = name.split(".")
        return f"{self.server.endpoint}/shares/{share}/schemas/{schema}/tables/{table}"

    def address(self, name: str) -> str:
        """What the official client calls a table's URL."""
        return f"{self.profile_file}#{name}"


@contextmanager
def served(place: Path, tables: Mapping[str, Path], *, history: bool = True, **environment: str) -> Iterator[Served]:
    """Serve tables, named `share.schema.table`, from a home in `place` until the block ends."""
    with running_server(place / "home", **environment) as server:
        profile = share_tables(server, "partner", tables, history=history)
        profile_file = place / "config.share"
        profile_file.write_bytes(encode_profile(profile))
        yield Served(server, profile, profile_file)


def share_tables(server: RunningServer, recipient: str, tables: Mapping[str, Path], *, history: bool = True) -> Profile:
    """Share tables, in shares that are new, with a recipient who is new: the server sees both at once."""
    return asyncio.run(_share(server, recipient, tables, history=history))


async def _share(server: RunningServer, recipient: str, tables: Mapping[str, Path], *, history: bool) -> Profile:
    async with local_services(load_settings(server.home, server.url, environment={})) as services:
        _, profile = await create_recipient_with_profile(services, ADMIN, recipient)
        for share in sorted({name.partition(".")[0] for name in tables}):
            await create_share(services, ADMIN, share, "")
            await grant_share(services, ADMIN, share, recipient)
        for name, location in tables.items():
            share, _, shared_as = name.partition(".")
            await create_table(services, ADMIN, f"{share}.{shared_as}", str(location), [])
            await add_to_share(services, ADMIN, share, f"{share}.{shared_as}", history=history)
    return profile
