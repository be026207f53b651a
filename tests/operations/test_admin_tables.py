import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakeshare.bootstrap import local_services
from lakeshare.errors import AlreadyExists, InvalidValue, NotFound
from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_share import create_share
from lakeshare.operations.create_table import create_table
from lakeshare.operations.delete_share import delete_share
from lakeshare.operations.delete_table import delete_table
from lakeshare.operations.describe_share import describe_share
from lakeshare.operations.describe_table import describe_table, list_tables
from lakeshare.operations.remove_from_share import remove_from_share
from lakeshare.operations.services import Caller, Services
from lakeshare.settings import Settings

ALICE = Caller(name="alice", source_ip="127.0.0.1", user_agent="test")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir()
    return path


@pytest.fixture
async def services(home: Path) -> AsyncIterator[Services]:
    async with local_services(Settings(home=home, secret_key=bytes(32))) as services:
        yield services


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "lakehouse" / "sales"
    path.mkdir(parents=True)
    write_deltalake(str(path), pa.table({"n": [1, 2, 3]}))
    return path


def audited(home: Path) -> list[dict]:
    return [json.loads(line) for line in (home / "audit" / "admin.jsonl").read_text().splitlines()]


async def test_a_registered_table_is_what_was_given(services, home, sales):
    table = await create_table(services, ALICE, "acme.retail.sales", str(sales))
    assert (table.full_name, table.format, table.location) == ("acme.retail.sales", "delta", f"file://{sales}")
    assert await list_tables(services) == [table]
    assert (await describe_table(services, "acme.retail.sales")).snapshot.version == 0
    (event,) = audited(home)
    assert event["action_name"] == "createTable"
    assert event["user_identity"] == {"email": "alice"}
    assert event["request_params"]["table_id"] == table.id
    assert event["request_params"]["data_source_format"] == "DELTA"


async def test_spellings_of_one_place_are_one_location(services, sales, tmp_path):
    (tmp_path / "link").symlink_to(sales)
    spellings = [str(sales), f"{sales}/", f"file://{sales}", f"{sales}/../sales", str(tmp_path / "link")]
    tables = [await create_table(services, ALICE, f"a.b.t{n}", text) for n, text in enumerate(spellings)]
    assert {table.location for table in tables} == {f"file://{sales}"}


async def test_no_root_may_cover_the_state(services, home, sales, tmp_path):
    (tmp_path / "link").symlink_to(home)
    for root in (
        home,
        home.parent,
        Path("/"),
        tmp_path / "link",
        home / "audit",
        home / "cache" / "x",
        f"file://{home}/",
    ):
        with pytest.raises(InvalidValue, match="never shared"):
            await create_table(services, ALICE, "a.b.state", str(root))
        with pytest.raises(InvalidValue, match="never shared"):
            await create_table(services, ALICE, "a.b.state", str(sales), also=[str(root)])
    assert await list_tables(services) == []


async def test_a_table_beside_the_state_or_in_a_folder_of_its_own_is_taken(services, home, tmp_path):
    for number, path in enumerate((home / "lakehouse" / "t", home.with_name("state2"))):
        path.mkdir(parents=True)
        write_deltalake(str(path), pa.table({"n": [1]}))
        await create_table(services, ALICE, f"a.b.t{number}", str(path))


async def test_local_roots_bound_every_root(services, sales, tmp_path):
    bounded = replace(services, local_roots=(f"file://{sales.parent}",))
    await create_table(bounded, ALICE, "a.b.inside", str(sales))
    for location, also in ((str(sales), [str(tmp_path / "elsewhere")]), (str(tmp_path / "lakehouse2"), [])):
        with pytest.raises(InvalidValue, match="LAKESHARE_LOCAL_ROOTS"):
            await create_table(bounded, ALICE, "a.b.outside", location, also)


async def test_a_refused_table_is_neither_kept_nor_audited(services, home, sales, tmp_path):
    await create_table(services, ALICE, "a.b.t", str(sales))
    with pytest.raises(AlreadyExists):
        await create_table(services, ALICE, "A.B.T", str(sales))
    with pytest.raises(InvalidValue):
        await create_table(services, ALICE, "a.b.none", str(tmp_path))
    with pytest.raises(InvalidValue):
        await create_table(services, ALICE, "a.b.none", "")
    assert len(audited(home)) == 1


async def test_a_table_is_deleted_only_when_no_share_holds_it(services, home, sales):
    await create_table(services, ALICE, "a.b.t", str(sales))
    await create_share(services, ALICE, "s")
    await add_to_share(services, ALICE, "s", "a.b.t")
    with pytest.raises(InvalidValue, match="s"):
        await delete_table(services, ALICE, "a.b.t")
    await remove_from_share(services, ALICE, "s", "b.t")
    await delete_table(services, ALICE, "A.B.T")
    assert audited(home)[-1]["request_params"]["full_name_arg"] == "a.b.t"
    with pytest.raises(NotFound):
        await describe_table(services, "a.b.t")


async def test_share_changes_are_audited_with_the_names_as_written(services, home, sales):
    await create_table(services, ALICE, "Acme.Retail.Sales", str(sales))
    await create_share(services, ALICE, "Retail", "why")
    shared = await add_to_share(services, ALICE, "RETAIL", "acme.retail.sales", shared_as="emea.Orders", history=True)
    assert (shared.share, shared.shared_as, shared.history) == ("Retail", "emea.Orders", True)
    assert list((await describe_share(services, "retail")).tables) == [shared]
    await remove_from_share(services, ALICE, "RETAIL", "EMEA.orders")
    await delete_share(services, ALICE, "retail")
    created, added, removed, deleted = audited(home)[1:]
    assert created["request_params"] == {"name": "Retail", "comment": "why"}
    assert added["request_params"]["name"] == removed["request_params"]["name"] == "Retail"
    assert json.loads(added["request_params"]["updates"]) == [
        {
            "action": "ADD",
            "name": "Acme.Retail.Sales",
            "shared_as": "emea.Orders",
            "history_data_sharing_status": "ENABLED",
        }
    ]
    assert json.loads(removed["request_params"]["updates"]) == [
        {"action": "REMOVE", "name": "Acme.Retail.Sales", "shared_as": "emea.Orders"}
    ]
    assert (deleted["action_name"], deleted["request_params"]) == ("deleteShare", {"name": "Retail"})


async def test_a_start_version_is_kept_and_audited(services, home, sales):
    await create_table(services, ALICE, "a.b.t", str(sales))
    await create_share(services, ALICE, "s")
    shared = await add_to_share(services, ALICE, "s", "a.b.t", history=True, start_version=7)
    assert (shared.history, shared.start_version) == (True, 7)
    assert list((await describe_share(services, "s")).tables) == [shared]
    (update,) = json.loads(audited(home)[-1]["request_params"]["updates"])
    assert update["start_version"] == "7"


async def test_a_start_version_without_history_is_refused(services, sales):
    await create_table(services, ALICE, "a.b.t", str(sales))
    await create_share(services, ALICE, "s")
    for version, history in ((0, False), (7, False), (-1, True), (2**63, True)):
        with pytest.raises(InvalidValue, match=str(version)):
            await add_to_share(services, ALICE, "s", "a.b.t", history=history, start_version=version)
    assert list((await describe_share(services, "s")).tables) == []
