"""Our URLs are those that botocore makes, to the byte."""

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.utils import percent_encode
from hypothesis import given, strategies as st

from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import SigningWindow
from lakeshare.storage.sigv4 import S3Credentials, S3Location, SigV4UrlSigner

WINDOW = SigningWindow(1_790_000_100, 1_790_001_000, 1_790_000_400)
CREDENTIALS = S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
LOCATION = S3Location("lake", "tables/sales/", "eu-central-1")
KEYS = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), st.sampled_from(" +%=~/&?#éé世")),
    min_size=1,
).filter(lambda key: "://" not in key)
TOKENS = st.none() | st.text("abcABC123+/=", min_size=1)
PREFIXES = st.sampled_from(["", "tables/sales/", "a b/ü=1/", "x//y/"])
ENDPOINTS = st.sampled_from(
    [None, "http://127.0.0.1:9000", "https://store.example.com", "https://store.example.com:443", "http://s3.local:80/"]
)


def botocores(location: S3Location, credentials: S3Credentials, key: str) -> str:
    """The URL that botocore presigns for the object, at the start of the window."""
    endpoint = urlsplit(location.endpoint or f"https://s3.{location.region}.amazonaws.com")
    host, path = endpoint.netloc, "/"
    if location.path_style:
        path += f"{location.bucket}/"
    else:
        host = f"{location.bucket}.{host}"
    url = f"{endpoint.scheme}://{host}{path}{percent_encode(location.prefix + key, safe='/~')}"
    request = AWSRequest(method="GET", url=url)
    pair = Credentials(credentials.access_key_id, credentials.secret_access_key, credentials.session_token)
    auth = S3SigV4QueryAuth(pair, "s3", location.region, expires=WINDOW.expires_at - WINDOW.starts_at)
    # What `add_auth` does, but at a time of ours.
    request.context["timestamp"] = datetime.fromtimestamp(WINDOW.starts_at, UTC).strftime(SIGV4_TIMESTAMP)
    auth._modify_request_before_signing(request)
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    auth._inject_signature_to_request(request, signature)
    return request.url


@given(st.lists(KEYS, max_size=4), TOKENS, PREFIXES, ENDPOINTS, st.booleans())
def test_urls_are_botocores(keys, token, prefix, endpoint, path_style):
    location = replace(LOCATION, prefix=prefix, endpoint=endpoint, path_style=path_style)
    credentials = replace(CREDENTIALS, session_token=token)
    signer = SigV4UrlSigner(location, credentials, WINDOW)
    assert signer(keys) == [botocores(location, credentials, key) for key in keys]
    assert [base + ending for base, ending in zip(signer.bases(keys), signer.endings(keys), strict=True)] == signer(
        keys
    )


@given(KEYS)
def test_a_base_stays_and_an_ending_is_fresh(key):
    now = SigV4UrlSigner(LOCATION, CREDENTIALS, WINDOW)
    later = SigV4UrlSigner(
        LOCATION, CREDENTIALS, SigningWindow(WINDOW.ends_at, WINDOW.expires_at + 300, WINDOW.ends_at + 300)
    )
    assert now.place == later.place
    assert now.bases([key]) == later.bases([key])
    assert now.endings([key]) != later.endings([key])
    assert now.endings([key])[0].startswith("?")
    assert "?" not in now.bases([key])[0]


@pytest.mark.parametrize(
    "other",
    [
        replace(LOCATION, bucket="lake2"),
        replace(LOCATION, prefix="tables/"),
        replace(LOCATION, endpoint="http://127.0.0.1:9000"),
        replace(LOCATION, path_style=True),
    ],
)
def test_another_place_has_another_name(other: S3Location):
    assert SigV4UrlSigner(other, CREDENTIALS, WINDOW).place != SigV4UrlSigner(LOCATION, CREDENTIALS, WINDOW).place


@pytest.mark.parametrize("key", ["s3://other/x", "s3://lake/tables/sales/x", "file:///etc/passwd"])
def test_a_whole_location_is_not_signed(key: str):
    signer = SigV4UrlSigner(LOCATION, CREDENTIALS, WINDOW)
    for sign in (signer, signer.bases, signer.endings):
        with pytest.raises(TableUnreadable) as refusal:
            sign(["part-0.parquet", key])
        assert key not in str(refusal.value)


def test_secrets_are_not_shown():
    shown = repr(replace(CREDENTIALS, session_token="a-session-token"))
    assert CREDENTIALS.secret_access_key not in shown
    assert "a-session-token" not in shown
