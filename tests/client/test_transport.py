"""Which answers are tried again, and which error each means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lakeshare import errors
from lakeshare.client import Retries, SharingClient
from lakeshare.protocol.profile import Profile

from .standin import Answer, Standin, error

IMPATIENT = Retries(total_seconds=0.2, first_delay_seconds=0.01, longest_delay_seconds=0.05)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_server_is_asked_again(standin: Standin, client: SharingClient, status: int) -> None:
    standin.shares["retail"] = {}
    standin.failures += [Answer(status), error(status, "INTERNAL_ERROR", "busy"), Answer(200, b"[", cut=True)]
    assert client.shares() == ["retail"]
    assert len(standin.requests) == 4


def test_a_server_that_stays_busy_is_given_up_with_its_own_words(standin: Standin) -> None:
    standin.failures += [error(503, "TEMPORARILY_UNAVAILABLE", "The table's storage is down.")] * 1000
    with SharingClient(standin.profile, retries=IMPATIENT) as client, pytest.raises(errors.Unavailable) as raised:
        client.shares()
    assert raised.value.message == "The table's storage is down."
    assert len(standin.requests) > 2


@pytest.mark.parametrize("wait", ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)])
def test_a_wait_beyond_the_limit_is_not_begun(standin: Standin, client: SharingClient, wait: str) -> None:
    standin.failures.append(Answer(503, headers={"retry-after": wait}))
    with pytest.raises(errors.Unavailable):
        client.shares()
    assert len(standin.requests) == 1


@pytest.mark.parametrize("wait", ["0", "", "soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00"])
def test_a_wait_that_is_over_or_no_wait_at_all_changes_nothing(
    standin: Standin, client: SharingClient, wait: str
) -> None:
    standin.failures.append(Answer(429, headers={"retry-after": wait}))
    assert client.shares() == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error(400, "INVALID_PARAMETER_VALUE", "maxResults is 'x'."), errors.InvalidValue, "maxResults is 'x'."),
        (error(400, "UNSUPPORTED_TABLE_FEATURE", "needs it"), errors.UnsupportedTableFeature, "needs it"),
        (error(400, "TABLE_UNREADABLE", "broken"), errors.TableUnreadable, "broken"),
        (error(401, "UNAUTHENTICATED", "expired"), errors.Unauthenticated, "expired"),
        (error(403, "PERMISSION_DENIED", "address"), errors.PermissionDenied, "address"),
        (error(404, "RESOURCE_DOES_NOT_EXIST", "gone"), errors.NotFound, "gone"),
        (error(404, "SHARE_DOES_NOT_EXIST", "another server's code"), errors.NotFound, "another server's code"),
        (Answer(401, b"<html>proxy</html>"), errors.Unauthenticated, "401 Unauthorized"),
        (Answer(404, b"\xff"), errors.NotFound, "404 Not Found"),
        (Answer(418, b"{}"), errors.LakeshareError, "418"),
    ],
)
def test_a_permanent_answer_is_raised_at_once(
    standin: Standin, client: SharingClient, answer: Answer, kind: type[Exception], said: str
) -> None:
    standin.failures.append(answer)
    with pytest.raises(kind) as raised:
        client.shares()
    assert type(raised.value) is kind
    assert said in str(raised.value)
    assert len(standin.requests) == 1


def test_a_refused_token_tells_when_the_profile_ends(standin: Standin) -> None:
    profile = Profile(1, standin.profile.endpoint, "wrong", "2020-01-01T00:00:00Z")
    with SharingClient(profile) as client, pytest.raises(errors.Unauthenticated, match="ends at 2020-01-01"):
        client.shares()


def test_a_server_out_of_reach_is_named() -> None:
    profile = Profile(1, "http://127.0.0.1:9/delta-sharing", "token")
    with (
        SharingClient(profile, retries=IMPATIENT) as client,
        pytest.raises(errors.Unavailable, match=r"127\.0\.0\.1:9"),
    ):
        client.shares()


@pytest.mark.parametrize("endpoint", ["https:///delta-sharing", "http://host:port/", "http://ex..ample/"])
def test_an_endpoint_that_is_no_address_is_not_tried_twice(endpoint: str) -> None:
    with SharingClient(Profile(1, endpoint, "token")) as client, pytest.raises(errors.InvalidValue):
        client.shares()


def test_a_redirect_is_followed(standin: Standin, client: SharingClient) -> None:
    standin.shares["retail"] = {}
    standin.failures.append(Answer(307, headers={"location": "/delta-sharing/shares"}))
    assert client.shares() == ["retail"]


def test_an_endless_redirect_is_no_reason_to_wait(standin: Standin, client: SharingClient) -> None:
    standin.failures += [Answer(307, headers={"location": "/delta-sharing/shares"})] * 100
    with pytest.raises(errors.LakeshareError, match="redirects"):
        client.shares()
