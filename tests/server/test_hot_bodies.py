"""Answers that are the same while a signing window lasts: rendered twice at most, authorized and audited each time."""

import itertools
from dataclasses import replace

import pytest

from lakeshare.operations.rotate_token import rotate_token
from lakeshare.storage.base import UrlSigner
from provider import ADMIN
from reader import Reader, numbers


@pytest.fixture
async def reader(lab, bearer) -> Reader:
    return Reader(lab, bearer(await lab.recipient("analyst", "lab")))


@pytest.fixture
def start(reader: Reader) -> int:
    """When a window begins, which is now or soon before."""
    return reader.provider.served.clock() // 300_000 * 300_000


@pytest.fixture
def signed(reader: Reader, start: int) -> list[int]:
    """How many URLs each batch had that the server signed. The clock stands still, in the middle of a window."""
    services = reader.provider.served
    batches: list[int] = []

    class CountingSigner(UrlSigner):
        def __init__(self, sign: UrlSigner) -> None:
            self.place, self.issue, self.bases, self._endings = sign.place, sign.issue, sign.bases, sign.endings

        def endings(self, keys):
            batches.append(len(keys))
            return self._endings(keys)

    reader.provider.app.state.services = replace(
        services,
        url_signer=lambda table, window: CountingSigner(services.url_signer(table, window)),
        clock=lambda: start + 150_000,
    )
    return batches


async def test_a_third_answer_is_not_rendered_and_is_audited_like_the_first(reader: Reader, signed: list[int]):
    answers = [(await reader.query()).answer.content for _ in range(4)]
    assert len(set(answers)) == 1
    assert len(signed) == 2
    told = [event.response.result for event in reader.provider.events()[-4:]]
    assert told == [told[0]] * 4
    assert told[0]["numAddFiles"] == signed[0] > 0


async def test_the_next_window_has_other_urls_that_live_longer(reader: Reader, signed: list[int], start: int):
    for _ in range(3):
        before = (await reader.query()).files[0][1]
    reader.provider.app.state.services = replace(reader.provider.served, clock=lambda: start + 300_000)
    after = (await reader.query()).files[0][1]
    assert len(signed) == 3
    assert after["expirationTimestamp"] == before["expirationTimestamp"] + 300_000 == start + 1_200_000
    assert after["url"] != before["url"]
    assert after["url"].partition("?")[0] == before["url"].partition("?")[0]


async def test_a_new_commit_is_a_new_body(reader: Reader, signed: list[int]):
    for _ in range(3):
        before = await reader.query()
    numbers(40).with_columns(half=0.5).write_delta(
        reader.provider.lake / "numbers", mode="append", delta_write_options={"partition_by": ["parity"]}
    )
    after = await reader.query()
    assert after.version == before.version + 1
    assert len(after.files) > len(before.files)


async def test_requests_that_differ_share_no_body(reader: Reader, signed: list[int]):
    asked = [{}, {"limitHint": 1}, {"predicateHints": ["parity = 'odd'"]}, {"version": 5}]
    for how, response_format in itertools.product(asked, ("parquet", "delta")):
        other = reader.understanding(f"responseformat={response_format}")
        bodies = {(await other.query(**how)).answer.content for _ in range(3)}
        assert len(bodies) == 1
    assert len(signed) == 2 * 2 * len(asked)


async def test_pages_are_rendered_each_time(reader: Reader, signed: list[int]):
    for _ in range(4):
        await reader.query(maxFiles=1)
    assert signed == [1, 1, 1, 1]


async def test_recipients_share_a_body_unless_their_urls_end_at_other_times(
    reader: Reader, bearer, signed: list[int], start: int
):
    other = replace(reader, headers=reader.headers | bearer(await reader.provider.recipient("other", "lab")))
    for _ in range(2):
        first = (await reader.query()).answer.content
    assert (await other.query()).answer.content == first
    assert len(signed) == 2
    async with reader.provider.admin() as services:
        await rotate_token(services, ADMIN, "other", keep_seconds=400)
    sooner = await other.query()
    while sooner.files[0][1]["expirationTimestamp"] == start + 900_000:  # the cache of grants is told of it soon
        sooner = await other.query()
    assert sooner.files[0][1]["expirationTimestamp"] < start + 900_000
    assert (await reader.query()).answer.content == first
