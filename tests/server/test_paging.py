"""Answers in pages, and versions that are pinned by a token."""

from dataclasses import replace

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings, strategies as st

from lakeshare.operations.add_to_share import add_to_share
from lakeshare.operations.create_share import create_share
from lakeshare.operations.revoke_share import revoke_share
from lakeshare.tables.budget import ByteBudget
from no_disk import NO_DISK
from provider import ADMIN, Provider
from reader import Lines, Reader, numbers, refusal

ASKED = {
    "snapshot": {},
    "older snapshot": {"version": 4},
    "hinted snapshot": {"version": 4, "predicateHints": ["number > 12"], "limitHint": 14},
    "stream": {"startingVersion": 0, "includeHistoricalProtocol": True},
    "changes": {"startingVersion": 0, "includeHistoricalMetadata": True, "includeHistoricalProtocol": True},
}


async def ask(reader: Reader, kind: str, **more: object) -> Lines:
    if kind == "changes":
        return await reader.changes(**ASKED[kind] | more)
    return await reader.query(**ASKED[kind] | more)


async def pages_of(reader: Reader, kind: str, size: int) -> list[Lines]:
    pages = [await ask(reader, kind, maxFiles=size)]
    while token := pages[-1].end.get("nextPageToken"):
        pages.append(await ask(reader, kind, maxFiles=size, pageToken=token))
    return pages


@pytest.mark.parametrize("kind", ASKED)
@given(size=st.integers(1, 14))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_add_up_to_the_whole_answer(any_reader: Reader, kind: str, size: int):
    whole = await ask(any_reader, kind)
    assert whole.end is None
    pages = await pages_of(any_reader, kind, size)
    assert [file for page in pages for file in page.told()] == whole.told()
    assert [line for page in pages for line in page.history] == whole.history
    assert all(len(page.files) == size for page in pages[:-1])
    for page in pages:
        assert page.version == whole.version
        assert page.answer.text.splitlines()[:2] == whole.answer.text.splitlines()[:2]
        assert page.end is not None
        expiries = {file["expirationTimestamp"] for _, file in page.files}
        assert page.end.get("minUrlExpirationTimestamp") == (min(expiries) if expiries else None)


@pytest.mark.parametrize("kind", ASKED)
async def test_a_page_larger_than_everything_is_everything(reader: Reader, kind: str):
    whole = await ask(reader, kind)
    for size in (len(whole.files), 10**6, 2**31 - 1, 2**62):
        page = await ask(reader, kind, maxFiles=size)
        assert page.told() == whole.told()
        assert "nextPageToken" not in page.end


@pytest.mark.parametrize("size", [0, -1])
async def test_a_page_of_nothing_is_refused(reader: Reader, size: int):
    assert "maxFiles" in refusal(await reader.try_query(maxFiles=size))
    assert "maxFiles" in refusal(await reader.get("/changes", startingVersion=0, maxFiles=size))


async def test_pages_are_of_one_version_whatever_is_committed(reader: Reader):
    whole = await reader.query()
    first = await reader.query(maxFiles=1)
    numbers(40).write_delta(
        reader.provider.lake / "numbers", mode="append", delta_write_options={"schema_mode": "merge"}
    )
    second = await reader.query(maxFiles=1, pageToken=first.end["nextPageToken"])
    assert first.told() + second.told() == whole.told()
    assert second.version == whole.version
    assert "nextPageToken" not in second.end


async def test_changes_end_where_they_ended_for_the_first_page(reader: Reader):
    whole = await reader.changes(startingVersion=0)
    first = await reader.changes(startingVersion=0, maxFiles=3)
    DeltaTable(reader.provider.lake / "numbers").delete("number > 25")
    rest = await reader.changes(startingVersion=0, maxFiles=99, pageToken=first.end["nextPageToken"])
    assert first.told() + rest.told() == whole.told()
    assert rest.answer.text.splitlines()[1] == whole.answer.text.splitlines()[1]


async def test_a_page_goes_on_after_a_checkpoint_took_the_place_of_the_log(reader: Reader):
    """What another replica, or this one after a restart, reads the version from."""
    whole = await reader.query()
    first = await reader.query(maxFiles=1)
    DeltaTable(reader.provider.lake / "numbers").create_checkpoint()
    reader.provider.app.state.services = replace(
        reader.provider.served,
        tables=type(reader.provider.served.tables)({"": 0}, ByteBudget(10**9), NO_DISK, reader.provider.served.clock),
    )
    second = await reader.query(maxFiles=1, pageToken=first.end["nextPageToken"])
    assert first.told() + second.told() == whole.told()


class TestPageTokens:
    async def test_serve_no_other_request(self, reader: Reader):
        token = (await reader.query(maxFiles=1, predicateHints=["number > 1"])).end["nextPageToken"]
        assert len((await reader.query(maxFiles=2, predicateHints=["number > 1"], pageToken=token)).files) == 1
        for other in (
            {},
            {"predicateHints": ["number > 2"]},
            {"predicateHints": ["number > 1"], "limitHint": 5},
            {"predicateHints": ["number > 1"], "version": 5},
            {"predicateHints": ["number > 1"], "startingVersion": 5},
        ):
            assert "pageToken" in refusal(await reader.try_query(**other, maxFiles=1, pageToken=token))
        delta = reader.understanding("responseformat=delta")
        refusal(await delta.try_query(predicateHints=["number > 1"], maxFiles=1, pageToken=token))
        refusal(await reader.get("/changes", startingVersion=0, pageToken=token))

    async def test_of_changes_serve_no_query(self, reader: Reader):
        token = (await reader.changes(startingVersion=0, maxFiles=1)).end["nextPageToken"]
        refusal(await reader.try_query(startingVersion=0, pageToken=token))
        refusal(await reader.get("/changes", startingVersion=1, pageToken=token))

    async def test_serve_whoever_ends_streams_otherwise(self, reader: Reader):
        """Spark asks for EndStreamActions on later pages only."""
        token = (await reader.query(maxFiles=1)).end["nextPageToken"]
        ending = reader.understanding("responseformat=parquet;includeEndStreamAction=true")
        assert len((await ending.query(maxFiles=1, pageToken=token)).files) == 1

    async def test_serve_no_other_recipient_or_table(self, reader: Reader, bearer):
        token = (await reader.query(maxFiles=1)).end["nextPageToken"]
        other = replace(reader, headers=bearer(await reader.provider.recipient("other", "lab")))
        for another in (other, reader.of("newest"), reader.of("late")):
            refusal(await another.try_query(maxFiles=1, pageToken=token))

    async def test_serve_no_other_scope(self, lab: Provider, bearer):
        """The same recipient and table, in a share with its history and in one without."""
        async with lab.admin() as services:
            await create_share(services, ADMIN, "bare", "")
            await add_to_share(services, ADMIN, "bare", "acme.data.numbers")
        with_history = Reader(lab, bearer(await lab.recipient("both", "lab", "bare")))
        without = replace(with_history, share="bare")
        page = (await with_history.query(maxFiles=1)).end["nextPageToken"]
        refresh = (await without.query(includeRefreshToken=True)).end["refreshToken"]
        refusal(await without.try_query(maxFiles=1, pageToken=page))
        refusal(await with_history.try_query(refreshToken=refresh))
        assert (await without.query(refreshToken=refresh)).version == 5

    @pytest.mark.parametrize("token", ["x", "AAAA", "é", "a" * 10_000])
    async def test_that_were_never_given_are_refused(self, reader: Reader, token: str):
        refusal(await reader.try_query(maxFiles=1, pageToken=token))
        refusal(await reader.get("/changes", startingVersion=0, maxFiles=1, pageToken=token))
        refusal(await reader.try_query(refreshToken=token))

    async def test_that_were_changed_are_refused(self, reader: Reader):
        token = (await reader.query(maxFiles=1)).end["nextPageToken"]
        for position in range(0, len(token), 7):
            changed = token[:position] + ("A" if token[position] != "A" else "B") + token[position + 1 :]
            refusal(await reader.try_query(maxFiles=1, pageToken=changed))

    async def test_expire(self, reader: Reader):
        token = (await reader.query(maxFiles=1)).end["nextPageToken"]
        reader.provider.move_clock(days=1)
        assert "expired" in refusal(await reader.try_query(maxFiles=1, pageToken=token))

    async def test_fit_into_a_url_as_they_are(self, reader: Reader):
        token = (await reader.changes(startingVersion=0, maxFiles=1)).end["nextPageToken"]
        assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    async def test_that_are_empty_are_none(self, reader: Reader):
        assert (await reader.query(pageToken="")).end is None


class TestRefreshTokens:
    @pytest.mark.parametrize("table", ["numbers", "newest"])
    async def test_read_their_version_again_with_or_without_history(self, reader: Reader, table: str):
        reader = reader.of(table)
        first = await reader.query(includeRefreshToken=True, predicateHints=["number > 1"], limitHint=100)
        numbers(40).write_delta(
            reader.provider.lake / table, mode="append", delta_write_options={"schema_mode": "merge"}
        )
        assert (await reader.query()).version == 6
        token = first.end["refreshToken"]
        again = await reader.query(refreshToken=token, includeRefreshToken=True)
        assert (again.version, again.told()) == (first.version, first.told())
        assert again.end["refreshToken"]

    async def test_are_given_only_if_asked_for(self, reader: Reader):
        assert "refreshToken" not in (await reader.query(maxFiles=1)).end
        assert (await reader.query(includeRefreshToken=False)).end is None

    async def test_serve_no_other_recipient_or_table_and_expire(self, reader: Reader, bearer):
        token = (await reader.query(includeRefreshToken=True)).end["refreshToken"]
        other = replace(reader, headers=bearer(await reader.provider.recipient("other", "lab")))
        for another in (other, reader.of("newest")):
            refusal(await another.try_query(refreshToken=token))
        refusal(await reader.try_query(pageToken=token))
        reader.provider.move_clock(days=1)
        assert "expired" in refusal(await reader.try_query(refreshToken=token))

    async def test_open_nothing_after_the_grant_is_gone(self, reader: Reader, polled):
        token = (await reader.query(includeRefreshToken=True)).end["refreshToken"]
        async with reader.provider.admin() as services:
            await revoke_share(services, ADMIN, "lab", "analyst")

        async def refused() -> bool:
            return (await reader.try_query(refreshToken=token)).status_code == 404

        await polled(refused, seconds=10)

    async def test_survive_a_refresh_in_pages(self, reader: Reader):
        first = await reader.query(includeRefreshToken=True, maxFiles=1)
        rest = await reader.query(maxFiles=1, pageToken=first.end["nextPageToken"])
        again = await reader.query(refreshToken=first.end["refreshToken"], maxFiles=1)
        assert (await reader.query(maxFiles=1, pageToken=again.end["nextPageToken"])).told() == rest.told()
