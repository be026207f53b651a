"""`lakeshare serve --workers 2`: real processes, killed and stopped as an operator or the kernel would."""

import asyncio
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import msgspec
import pytest

from lakeshare.audit.events import AuditEvent
from lakeshare.bootstrap import local_services
from lakeshare.operations.revoke_share import revoke_share
from lakeshare.settings import load_settings
from provider import ADMIN, orders
from running import RunningServer, running_server
from served import share_tables

DEADLINE_SECONDS = 30
PROMISED_SECONDS = 1
"""How soon every worker knows of a revocation; a test waits ten times as long."""


@dataclass(frozen=True)
class Workers:
    server: RunningServer
    headers: dict[str, str]

    def process_ids(self) -> set[int]:
        listed = subprocess.run(
            ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(self.server.process.pid)],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        return {int(line.split()[0]) for line in listed.splitlines() if "spawn_main" in line}

    def events(self, worker: str = "worker-*") -> list[AuditEvent]:
        spools = (self.server.home / "audit").glob(f"{worker}.jsonl")
        return [
            msgspec.json.decode(line, type=AuditEvent) for spool in spools for line in spool.read_bytes().splitlines()
        ]

    @contextmanager
    def a_connection_to_each(self) -> Iterator[tuple[httpx.Client, httpx.Client]]:
        """A client of each worker, with one connection that stays open: told apart by who audits it."""
        found: dict[str, httpx.Client] = {}
        with ExitStack() as stack:
            for number in count():
                client = stack.enter_context(httpx.Client(base_url=self.server.endpoint, headers=self.headers))
                agent = f"client {number}"
                assert client.get("/shares", headers={"user-agent": agent}).status_code == 200
                (worker,) = [
                    name for name in ("worker-0", "worker-1") if agent in [e.user_agent for e in self.events(name)]
                ]
                found.setdefault(worker, client)
                if len(found) == 2:
                    yield found["worker-0"], found["worker-1"]
                    return
                assert number < 1000, f"only {worker} answers"


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    for name in ("first", "second"):
        orders().write_delta(tmp_path / name)
    with running_server(tmp_path / "home", "--workers", "2") as server:
        profile = share_tables(
            server, "partner", {f"sales.retail.{name}": tmp_path / name for name in ("first", "second")}
        )
        workers = Workers(server, {"authorization": f"Bearer {profile.bearer_token}"})
        until(lambda: len(workers.process_ids()) == 2 and len(list((server.home / "audit").glob("worker-*"))) == 2)
        yield workers


def test_each_answers_and_audits_into_a_file_of_its_own(workers: Workers):
    with workers.a_connection_to_each() as clients:
        for client in clients:
            assert client.get("/shares").json()["items"][0]["name"] == "sales"
    for worker in ("worker-0", "worker-1"):
        assert {event.action_name for event in workers.events(worker)} == {"deltaSharingListShares"}


def test_a_page_that_one_began_is_read_on_by_the_other(workers: Workers):
    with workers.a_connection_to_each() as (one, other):
        first = one.get("/shares/sales/all-tables", params={"maxResults": 1}).json()
        rest = other.get("/shares/sales/all-tables", params={"pageToken": first["nextPageToken"]}).json()
    assert [table["name"] for table in first["items"] + rest["items"]] == ["first", "second"]


def test_a_revoked_grant_ends_at_each(workers: Workers):
    with workers.a_connection_to_each() as clients:
        for client in clients:
            assert client.get("/shares/sales").status_code == 200
        asyncio.run(_revoke(workers.server.home))
        for client in clients:
            until(lambda client=client: client.get("/shares/sales").status_code == 404, 10 * PROMISED_SECONDS)


def test_one_that_is_killed_is_replaced_and_every_answer_was_audited(workers: Workers):
    before = workers.process_ids()
    answered: list[str] = []
    stop = threading.Event()

    def ask(name: str) -> None:
        for number in count():
            if stop.is_set():
                return
            agent = f"{name} {number}"
            try:
                # A fresh connection now and then, so that both workers have some whoever took the first.
                with httpx.Client(headers=workers.headers | {"user-agent": agent}) as client:
                    answer = client.get(f"{workers.server.endpoint}/shares")
            except httpx.TransportError:
                continue  # what the killed worker had in hand
            if answer.status_code == 200:
                answered.append(agent)

    threads = [threading.Thread(target=ask, args=(f"thread {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 50)
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    at_kill = len(answered)
    until(lambda: len(answered) > at_kill + 50)
    until(lambda: len(workers.process_ids()) == 2 and killed not in workers.process_ids())
    assert len(before & workers.process_ids()) == 1
    stop.set()
    for thread in threads:
        thread.join()
    audited = {event.user_agent for event in workers.events()}
    assert set(answered) <= audited
    with workers.a_connection_to_each():
        pass
    assert "a worker died and was replaced" in workers.server.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_they_end_with_their_first_process(workers: Workers, number: int):
    running = workers.process_ids()
    with workers.a_connection_to_each():
        workers.server.process.send_signal(number)
        workers.server.process.wait(timeout=DEADLINE_SECONDS)
        until(lambda: not any(is_running(process_id) for process_id in running))
    expected = -signal.SIGKILL if number == signal.SIGKILL else 0
    assert workers.server.process.returncode == expected
    assert "Traceback" not in workers.server.log.read_text()


def is_running(process_id: int) -> bool:
    """Whether a process is there and no zombie, which an orphan is until someone adopts it."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(condition: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.05)


async def _revoke(home: Path) -> None:
    async with local_services(load_settings(home, environment={})) as services:
        await revoke_share(services, ADMIN, "sales", "partner")
