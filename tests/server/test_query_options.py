"""The options of queries that say how an answer is told: EndStreamActions, file ids, what excludes what, the audit."""

import itertools
from dataclasses import replace

import polars as pl
import pytest

from lakeshare.errors import Unavailable
from lakeshare.storage.base import UrlSigner
from reader import Reader, at, refusal

ENDING = "includeEndStreamAction=true"


class TestEndStreamAction:
    @pytest.mark.parametrize(
        ("capabilities", "asked", "has_end", "is_said"),
        [
            ("", {}, False, False),
            ("includeEndStreamAction=false", {}, False, False),
            (ENDING, {}, True, True),
            (ENDING.lower(), {}, True, True),
            (ENDING, {"maxFiles": 1}, True, True),
            ("", {"maxFiles": 1}, True, False),
            ("", {"includeRefreshToken": True}, True, False),
            ("", {"includeRefreshToken": False}, False, False),
        ],
    )
    async def test_comes_where_a_client_expects_it(
        self, any_reader: Reader, capabilities: str, asked: dict, has_end: bool, is_said: bool
    ):
        response_format = any_reader.headers["delta-sharing-capabilities"]
        reader = any_reader.understanding(f"{response_format};{capabilities}")
        lines = await reader.query(**asked)
        assert (lines.end is not None) == has_end
        said = lines.answer.headers["delta-sharing-capabilities"]
        assert said == response_format + (f";{ENDING}" if is_said else "")

    async def test_comes_on_streams_and_changes(self, reader: Reader):
        for lines in (
            await reader.understanding(ENDING).query(startingVersion=0),
            await reader.understanding(ENDING).changes(startingVersion=0),
            await reader.changes(startingVersion=0, maxFiles=1),
        ):
            assert lines.end["minUrlExpirationTimestamp"] == lines.files[0][1]["expirationTimestamp"]
        assert (await reader.query(startingVersion=0)).end is None
        assert (await reader.changes(startingVersion=0)).end is None

    async def test_says_nothing_of_urls_where_there_are_none(self, reader: Reader):
        assert (await reader.understanding(ENDING).query(limitHint=0)).end == {}
        assert (await reader.understanding(ENDING).query(startingVersion=5)).end == {}

    async def test_is_not_on_metadata(self, reader: Reader):
        answer = await reader.understanding(ENDING).get("/metadata")
        assert len(answer.text.splitlines()) == 2
        assert answer.headers["delta-sharing-capabilities"] == "responseformat=parquet"

    @pytest.mark.parametrize("encoding", ["identity", "gzip"])
    @pytest.mark.parametrize(("error", "status"), [(RuntimeError("secret"), 500), (Unavailable("busy secret"), 503)])
    async def test_tells_of_an_answer_that_breaks_off(
        self, reader: Reader, error: Exception, status: int, encoding: str
    ):
        break_after(reader, files=64, error=error)
        lines = await reader.also(**{"accept-encoding": encoding}).of("many").understanding(ENDING).query()
        assert lines.answer.headers.get("content-encoding", "identity") == encoding
        assert len(lines.files) == 64
        assert set(lines.end) == {"errorMessage", "httpStatusErrorCode"}
        assert lines.end["httpStatusErrorCode"] == status
        assert "secret" not in lines.answer.text
        event = reader.provider.events()[-1]
        assert event.response.result["numAddFiles"] == 64
        assert event.response.error_message == "The answer broke off after 64 of 70 files."

    async def test_does_not_come_unasked_where_an_answer_breaks_off(self, reader: Reader):
        break_after(reader, files=64, error=RuntimeError("secret"))
        with pytest.raises(RuntimeError):
            await reader.of("many").query()


def break_after(reader: Reader, files: int, error: Exception) -> None:
    """Let the server fail to sign what comes behind the first files."""
    services = reader.provider.served
    signed = itertools.count()

    class FailingSigner(UrlSigner):
        def __init__(self, sign: UrlSigner) -> None:
            self.place, self.issue, self.bases, self._endings = sign.place, sign.issue, sign.bases, sign.endings

        def endings(self, keys):
            if next(signed):
                raise error
            assert len(keys) == files
            return self._endings(keys)

    def signer(table, window):
        return FailingSigner(services.url_signer(table, window))

    reader.provider.app.state.services = replace(services, url_signer=signer)


@pytest.fixture
async def reader(lab, bearer) -> Reader:
    """Besides what `lab` has: `data.many`, of seventy files."""
    partitions = pl.DataFrame({"number": range(70), "part": range(70)})
    partitions.write_delta(lab.lake / "many", delta_write_options={"partition_by": ["part"]})
    await lab.share("lab", "data.many", lab.lake / "many")
    return Reader(lab, bearer(await lab.recipient("analyst", "lab")))


class TestFileIds:
    @pytest.mark.parametrize("scheme", ["parquet", "delta", "Parquet", "DELTA"])
    async def test_are_made_by_a_known_scheme_which_is_echoed(self, any_reader: Reader, scheme: str):
        reader = any_reader.also(fileidhash=scheme)
        for lines in (await reader.query(), await reader.changes(startingVersion=0)):
            assert lines.answer.headers["fileidhash"] == scheme.lower()
        again = await reader.query()
        assert [file["id"] for _, file in again.files] == [file["id"] for _, file in (await reader.query()).files]

    async def test_are_not_spoken_of_unasked(self, reader: Reader):
        assert "fileidhash" not in (await reader.query()).answer.headers

    @pytest.mark.parametrize("scheme", ["", "md5", "parquet,delta"])
    async def test_of_another_scheme_are_refused(self, reader: Reader, scheme: str):
        assert "fileidhash" in refusal(await reader.also(fileidhash=scheme).try_query())
        assert "fileidhash" in refusal(await reader.also(fileidhash=scheme).get("/changes", startingVersion=0))


MOMENTS = {
    "version": 0,
    "timestamp": at(0),
    "startingVersion": 0,
    "startingTimestamp": at(0),
    "refreshToken": "x",
    "includeRefreshToken": True,
}


class TestExclusiveOptions:
    @pytest.mark.parametrize(
        ("one", "other"),
        [pair for pair in itertools.combinations(MOMENTS, 2) if pair != ("refreshToken", "includeRefreshToken")],
    )
    async def test_are_refused_together_by_both_names(self, reader: Reader, one: str, other: str):
        message = refusal(await reader.try_query(**{one: MOMENTS[one], other: MOMENTS[other]}))
        assert one in message
        assert other in message

    @pytest.mark.parametrize("option", ["refreshToken", "includeRefreshToken"])
    async def test_of_a_first_page_are_refused_on_a_later_one(self, reader: Reader, option: str):
        assert option in refusal(await reader.try_query(pageToken="x", **{option: MOMENTS[option]}))

    async def test_on_metadata(self, reader: Reader):
        assert "timestamp" in refusal(await reader.get("/metadata", version=0, timestamp=at(0)))


class TestTable:
    async def test_tells_its_format(self, reader: Reader):
        described = (await reader.get("")).json()
        listed = (
            await reader.provider.client.get("/delta-sharing/shares/lab/all-tables", headers=reader.headers)
        ).json()
        item = next(item for item in listed["items"] if item["name"] == "numbers")
        assert described == item | {"format": "delta"}
        assert set(described) == {"name", "schema", "share", "shareId", "id", "format"}


class TestAudit:
    async def test_of_a_query_counts_its_files(self, reader: Reader):
        await reader.query(version=4, maxFiles=3)
        event = reader.provider.events()[-1]
        assert event.action_name == "deltaSharingQueriedTable"
        counts = {key: event.response.result[key] for key in ("tableVersion", "activeAddFiles", "numAddFiles")}
        assert counts == {"tableVersion": 4, "activeAddFiles": 8, "numAddFiles": 3}

    @pytest.mark.parametrize(
        ("ask", "action", "counts"),
        [
            (lambda reader: reader.query(startingVersion=2), "deltaSharingQueriedTable", (6, 2, 0)),
            (lambda reader: reader.changes(startingVersion=2), "deltaSharingQueriedTableChanges", (4, 0, 2)),
        ],
    )
    async def test_of_changes_counts_each_kind(self, reader: Reader, ask, action: str, counts: tuple):
        await ask(reader)
        event = reader.provider.events()[-1]
        result = event.response.result
        assert (event.action_name, result["tableVersion"]) == (action, 2)
        assert (result["numAddFiles"], result["numRemoveFiles"], result["numAddCDCFiles"]) == counts

    async def test_of_a_refusal_tells_why(self, reader: Reader):
        refusal(await reader.of("newest").get("/changes", startingVersion=0))
        event = reader.provider.events()[-1]
        assert (event.action_name, event.response.status_code) == ("deltaSharingQueriedTableChanges", 400)
        assert "without its history" in event.response.error_message
