from contextlib import contextmanager
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, strategies as st

from lakeshare.operations.answers import Chunk, Part, as_is, audited_chunks, cut_files, signing_window
from lakeshare.protocol.actions import EndStreamAction


def window(now_ms: int, url_seconds: int, token_expires_ms: int | None = None):
    """The window of fake services, which have a clock and a setting, and of a fake token."""
    services = SimpleNamespace(clock=lambda: now_ms, url_seconds=url_seconds)
    return signing_window(services, SimpleNamespace(token=SimpleNamespace(expires_at=token_expires_ms)))


NOW = st.integers(1_700_000_000_000, 1_900_000_000_000)
LIVES = st.integers(10, 100_000)


@given(NOW, LIVES)
def test_fresh_urls_live_two_thirds_of_their_time_at_least_and_never_more_than_it(now, url_seconds):
    left = window(now, url_seconds).expires_at - now / 1000
    assert url_seconds * 2 / 3 < left <= url_seconds


@given(NOW, LIVES, st.floats(0, 1, exclude_max=True))
def test_all_moments_of_a_window_have_the_same_one(now, url_seconds, share):
    found = window(now, url_seconds)
    assert found.starts_at <= now / 1000 < found.ends_at
    assert found.ends_at - found.starts_at == min(url_seconds // 3, 300)
    moment = found.starts_at * 1000 + int(share * (found.ends_at - found.starts_at) * 1000)
    assert window(moment, url_seconds) == found
    assert window(found.ends_at * 1000, url_seconds) != found


@given(NOW, LIVES, st.integers(1, 100_000_000))
def test_no_url_outlives_the_token_that_asked_for_it(now, url_seconds, left_ms):
    found = window(now, url_seconds, now + left_ms)
    assert found.expires_at == min(window(now, url_seconds).expires_at, (now + left_ms) // 1000)
    assert found.starts_at <= found.expires_at


class Records(list):
    """A fake audit: how many files were sent, and the error."""

    def __call__(self, sent: list[pl.DataFrame], error: str | None) -> None:
        self.append((sum(files.height for files in sent), error))


def parts_of(*heights: int) -> list[Part[pl.DataFrame]]:
    """A head, and one byte for each row of some frames."""
    frames = [pl.DataFrame({"row": range(height)}) for height in heights]
    return [Part(lambda: b"head"), *(part for files in frames for part in cut_files(files, lambda f: b"." * f.height))]


@pytest.mark.parametrize(
    ("heights", "sizes"),
    [
        ([0], [0]),
        ([64], [64]),
        ([65], [64, 1]),
        ([1500], [64, 1024, 412]),
        ([1] * 1200, [64, 1024, 112]),
        ([60, 60, 1000, 30], [120, 1030]),
    ],
)
def test_chunks_grow_and_only_the_last_has_an_end(heights: list[int], sizes: list[int]):
    records = Records()
    chunks = list(audited_chunks(parts_of(*heights), EndStreamAction(), records, bytes.upper))
    lines = [b"." * size for size in sizes]
    lines[0] = b"HEAD" + lines[0]
    assert chunks == [*map(Chunk, lines[:-1]), Chunk(lines[-1], b'{"endStreamAction":{}}\n')]
    assert records == [(sum(heights), None)]
    assert list(audited_chunks(parts_of(*heights), None, records, bytes.upper))[-1] == Chunk(lines[-1], b"")


def test_chunks_are_audited_before_the_last_and_by_what_was_taken_where_that_is_less():
    records = Records()
    left = audited_chunks(parts_of(1500), None, records, as_is)
    next(left), next(left)
    left.close()
    assert records == [(64, "The answer broke off after 64 of 1500 files.")]
    records.clear()
    whole = audited_chunks(parts_of(65), None, records, as_is)
    next(whole)
    assert records == []
    next(whole)
    assert records == [(65, None)]


def test_what_is_kept_comes_as_it_is_encoded_in_place_of_what_would_be_rendered():
    @contextmanager
    def keep(renders):
        yield [lambda number=number: b"kept %d" % number for number, _ in enumerate(renders)]

    records = Records()
    chunks = audited_chunks(parts_of(1500), EndStreamAction(), records, bytes.upper, keep)
    assert [chunk.lines for chunk in chunks] == [b"kept 0", b"kept 1", b"kept 2"]
    assert records == [(1500, None)]
