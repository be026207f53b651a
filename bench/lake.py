"""The provider that the cases measure: tables of any size, shared, with as many recipients as a case wants."""

import asyncio
import shutil
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from sqlalchemy import text

from lakeshare.audit.replay import replay
from lakeshare.bootstrap import local_services, open_database
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_recipient import create_recipient_with_profile
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.grant_share import grant_share
from lakeshare.operations.services import Caller, Services
from lakeshare.settings import load_settings
from sample_log import active_files, commit_text, write_log

ADMIN = Caller("admin")
SHARE = "bench"
COMMITS = 50


class Lake:
    """A home and its tables in one directory. A table is written when a case first asks for it, and kept."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self._directory = directory
        self._versions: dict[str, int] = {}
        self.tokens = self._run(self._begin())

    def table(self, files: int) -> str:
        """The path, in the sharing API, of a table whose checkpoint has so many files, 50 commits behind it."""
        return self._shared(f"files_{files}", files, COMMITS, seed=7)

    def small_tables(self, number: int, files: int) -> list[str]:
        """The paths of so many tables, each another."""
        return [self._shared(f"small_{seed}", files, 1, seed) for seed in range(number)]

    def location(self, files: int) -> Path:
        return self._directory / f"files_{files}"

    def active_files(self, files: int) -> int:
        return active_files(files, self._versions[f"files_{files}"])

    def draft_commit(self, files: int) -> tuple[Path, Path, str]:
        """The next commit, to be renamed: its draft, its place in the log, and the name of a file that it adds."""
        name = f"files_{files}"
        version = self._versions[name] = self._versions[name] + 1
        draft, commit = self._directory / f"{name}.draft", self.location(files) / "_delta_log" / f"{version:020}.json"
        text = commit_text(version, files)
        draft.write_text(text)
        return draft, commit, text.rpartition("-c000")[0].rpartition("-")[2] + "-c000"

    def add_recipients(self, number: int) -> list[str]:
        """Bearer tokens of so many recipients more, each with a grant of its own."""
        first = len(self.tokens)
        self.tokens += self._run(self._invite([f"recipient_{first + at}" for at in range(number)]))
        return self.tokens[first:]

    def forget_cache(self) -> None:
        """What the server keeps on disk to be quicker."""
        shutil.rmtree(self.home / "cache", ignore_errors=True)

    def audited(self) -> int:
        """How many events the audit holds, while no server runs."""
        settings = load_settings(self.home)
        engine = open_database(settings)
        try:
            replay(engine, settings.audit_directory)
            with engine.connect() as connection:
                return connection.execute(text("SELECT count(*) FROM audit_events")).scalar_one()
        finally:
            engine.dispose()

    def _shared(self, name: str, files: int, commits: int, seed: int) -> str:
        if name not in self._versions:
            write_log(self._directory / name, files, commits=commits, seed=seed)
            self._versions[name] = commits
            self._run(self._share(name))
        return f"/shares/{SHARE}/schemas/files/tables/{name}"

    async def _begin(self) -> list[str]:
        async with local_services(load_settings(self.home, environment={})) as services:
            await create_share(services, ADMIN, SHARE, "")
        return await self._invite(["recipient_0"])

    async def _share(self, name: str) -> None:
        async with local_services(load_settings(self.home, environment={})) as services:
            await create_table(services, ADMIN, f"bench.files.{name}", str(self._directory / name), [])
            await add_to_share(services, ADMIN, SHARE, f"bench.files.{name}")

    async def _invite(self, names: list[str]) -> list[str]:
        async with local_services(load_settings(self.home, environment={})) as services:
            return [await self._recipient(services, name) for name in names]

    async def _recipient(self, services: Services, name: str) -> str:
        _, profile = await create_recipient_with_profile(services, ADMIN, name)
        await grant_share(services, ADMIN, SHARE, name)
        return profile.bearer_token

    @staticmethod
    def _run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)
