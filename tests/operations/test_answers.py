from types import SimpleNamespace

from hypothesis import given, strategies as st

from lakeshare.operations.answers import signing_window


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
