"""Profile files: what is written, what is taken, and what a broken one says."""

import json

import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import InvalidValue
from lakeshare.protocol.profile import Profile, decode_profile, encode_profile

# The example of PROTOCOL.md, "Profile File Format".
EXAMPLE = {
    "shareCredentialsVersion": 1,
    "endpoint": "https://sharing.delta.io/delta-sharing/",
    "bearerToken": "secret-token",
    "expirationTime": "2021-11-12T00:12:29.0Z",
}


def example(**changes: object) -> bytes:
    return json.dumps({name: value for name, value in {**EXAMPLE, **changes}.items() if value is not ...}).encode()


def test_the_example_of_the_protocol_is_read() -> None:
    assert decode_profile(example()) == Profile(
        share_credentials_version=1,
        endpoint="https://sharing.delta.io/delta-sharing/",
        bearer_token="secret-token",
        expiration_time="2021-11-12T00:12:29.0Z",
    )


@pytest.mark.parametrize("absent", [..., None])
def test_a_token_without_an_expiry_never_expires(absent: object) -> None:
    assert decode_profile(example(expirationTime=absent)).expiration_time is None


def test_unknown_fields_and_a_byte_order_mark_are_ignored() -> None:
    assert decode_profile(b"\xef\xbb\xbf" + example(icebergEndpoint="https://x")) == decode_profile(example())


def test_a_written_profile_is_indented_json_without_an_empty_expiry() -> None:
    written = encode_profile(Profile(1, "https://s/delta-sharing", "t"))
    assert b"\n  " in written
    assert json.loads(written) == {
        "shareCredentialsVersion": 1,
        "endpoint": "https://s/delta-sharing",
        "bearerToken": "t",
    }


@given(
    token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
    expiry=st.none() | st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_written_is_read_back(token: str, expiry: str | None) -> None:
    profile = Profile(1, "https://server:8443/delta-sharing", token, expiry)
    assert decode_profile(encode_profile(profile)) == profile


def test_the_token_is_in_no_repr() -> None:
    profile = decode_profile(example())
    assert "secret-token" not in repr(profile)
    assert "secret-token" not in f"{profile} {[profile]}"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (example(shareCredentialsVersion=...), "shareCredentialsVersion"),
        (example(endpoint=...), "endpoint"),
        (example(bearerToken=...), "bearerToken"),
        (example(bearerToken="  "), "bearerToken"),
        (example(bearerToken=7), "bearerToken"),
        (example(bearerToken="secret-token\n"), "bearerToken"),
        (example(endpoint=""), "endpoint"),
        (example(endpoint="ftp://files"), "ftp://files"),
        (example(shareCredentialsVersion="1"), "shareCredentialsVersion"),
        (example(shareCredentialsVersion=0), "0"),
        (example(expirationTime=5), "expirationTime"),
        (b"", "not usable"),
        (b"<html>", "malformed"),
        (b"\xff\xfe{", "not usable"),
        (b"[]", "object"),
    ],
)
def test_a_broken_profile_names_what_is_wrong(data: bytes, said: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        decode_profile(data)
    assert said in str(raised.value)
    assert "secret-token" not in str(raised.value)


def test_a_newer_version_says_to_upgrade_whatever_its_fields_are() -> None:
    with pytest.raises(InvalidValue, match=r"version 1\. Upgrade lakeshare"):
        decode_profile(b'{"shareCredentialsVersion": 2, "type": "oauth_client_credentials"}')
