"""Answers that are the same while a signing window lasts: rendered twice at most, authorized and audited each time."""

import itertools
from dataclasses import replace

import pytest

from lakeshare.operations.bodies import Bodies
from lakeshare.operations.rotate_token import rotate_token
from lakeshare.server.compression import deflate
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.budget import ByteBudget
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


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the server compressed, chunk by chunk, by a fake `deflate` that counts."""
    sizes: list[int] = []

    def counting_deflate(lines: bytes) -> bytes:
        sizes.append(len(lines))
        return deflate(lines)

    monkeypatch.setattr("lakeshare.server.sharing.deflate", counting_deflate)
    return sizes


async def test_a_third_answer_is_not_compressed_and_is_audited_like_the_first(
    reader: Reader, signed: list[int], packed: list[int]
):
    for number, count in enumerate([1, 2, 2, 2], start=1):
        answer = (await reader.also(**{"accept-encoding": "gzip"}).query()).answer
        assert answer.headers["content-encoding"] == "gzip"
        assert (len(signed), len(packed)) == (count, count), number
        assert packed == [len(answer.content)] * count
    told = [event.response.result for event in reader.provider.events()[-4:]]
    assert told == [told[0]] * 4
    assert told[0]["numAddFiles"] == signed[0]


async def test_clients_that_take_gzip_and_others_are_told_the_same(
    reader: Reader, signed: list[int], packed: list[int]
):
    answers = []
    for encoding in ("gzip", "identity") * 4:
        answer = (await reader.also(**{"accept-encoding": encoding}).query()).answer
        assert answer.headers.get("content-encoding", "identity") == encoding
        answers.append(answer.content)
    assert len(set(answers)) == 1
    assert (len(signed), len(packed)) == (4, 2)


async def test_what_is_kept_of_a_compressed_body_counts_as_its_compressed_bytes(reader: Reader, signed: list[int]):
    size = len(deflate((await reader.query()).answer.content))
    signed.clear()
    memory = ByteBudget(size)
    reader.provider.app.state.services = replace(reader.provider.served, bodies=Bodies(memory, max_bytes=size))
    for encoding, rendered in (("gzip", 2), ("identity", 4), ("gzip", 0)):
        for _ in range(4):
            await reader.also(**{"accept-encoding": encoding}).query()
        assert len(signed) == rendered
        signed.clear()


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
async def test_the_last_line_is_made_for_each_request(
    reader: Reader, signed: list[int], packed: list[int], start: int, encoding: str
):
    tokens = []
    for second in range(4):
        moment = start + 150_000 + second * 1000
        reader.provider.app.state.services = replace(reader.provider.served, clock=lambda now=moment: now)
        lines = await reader.also(**{"accept-encoding": encoding}).query(includeRefreshToken=True)
        tokens.append(lines.end["refreshToken"])
    assert len(set(tokens)) == 4
    assert len(signed) == 2
    assert len(packed) == (2 if encoding == "gzip" else 0)


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
