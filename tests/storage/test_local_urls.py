from dataclasses import replace
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import TableUnreadable
from lakeshare.storage.local_urls import LocalUrlSigner, SignedFile, is_valid

TABLE = "5d0b7bb2-55a3-4f0e-9df4-f4f3a5a6f0aa"
SECRET = b"s" * 32
SIGN = LocalUrlSigner(
    "http://127.0.0.1:8000",
    root="file:///lake/sales",
    also=("file:///lake/shared", "s3://bucket/x"),
    table_id=TABLE,
    key_id="deadbeef",
    secret=SECRET,
    expires_at_seconds=1_900_000_000,
)
FILE = SignedFile(TABLE, "0", "region=EMEA/part-0.parquet", "1900000000")
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(
    lambda key: "://" not in key
)


def parsed(url: str) -> tuple[SignedFile, str]:
    """What a URL says, read by the standard library."""
    parts = urlsplit(url)
    table_id, root, path = parts.path.removeprefix("/files/").split("/", 2)
    query = {name: value for name, [value] in parse_qs(parts.query, strict_parsing=True).items()}
    assert query["X-Amz-Credential"] == "deadbeef"
    return SignedFile(table_id, root, unquote(path, errors="strict"), query["X-Amz-Expires"]), query["X-Amz-Signature"]


def test_a_url_reads_as_the_official_client_needs_it():
    [url] = SIGN([FILE.path])
    signature = parsed(url)[1]
    assert url == (
        f"http://127.0.0.1:8000/files/{TABLE}/0/region=EMEA/part-0.parquet"
        f"?X-Amz-Credential=deadbeef&X-Amz-Expires=1900000000&X-Amz-Signature={signature}"
    )
    assert len(signature) == 64
    assert "%" not in urlsplit(url).query


@given(st.lists(keys, max_size=5))
def test_every_path_comes_back_from_its_url_and_is_valid(paths: list[str]):
    urls = SIGN(paths)
    assert [parsed(url)[0].path for url in urls] == paths
    for url in urls:
        file, signature = parsed(url)
        assert file.root == "0"
        assert is_valid(SECRET, file, signature)


@given(keys, keys)
def test_a_signature_covers_the_path(path: str, other: str):
    file, signature = parsed(SIGN([path])[0])
    assert is_valid(SECRET, replace(file, path=other), signature) == (path == other)


@pytest.mark.parametrize(
    "changed",
    [
        replace(FILE, table_id="5d0b7bb2-55a3-4f0e-9df4-f4f3a5a6f0ab"),
        replace(FILE, root="1"),
        replace(FILE, expires_at="1900000001"),
        replace(FILE, expires_at="01900000000"),
        replace(FILE, path="region=EMEA/part-1.parquet"),
        replace(FILE, path="/region=EMEA/part-0.parquet"),
        replace(FILE, path="region=EMEA/../region=EMEA/part-0.parquet"),
    ],
)
def test_a_signature_covers_every_part(changed: SignedFile):
    signature = parsed(SIGN([FILE.path])[0])[1]
    assert is_valid(SECRET, FILE, signature)
    assert not is_valid(SECRET, changed, signature)


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", "\x00"])
def test_a_wrong_signature_is_not_valid(signature: str):
    assert not is_valid(SECRET, FILE, signature)


def test_another_key_does_not_sign_for_this_one():
    assert not is_valid(b"x" * 32, FILE, parsed(SIGN([FILE.path])[0])[1])


def test_a_file_under_an_additional_root_names_that_root():
    file, signature = parsed(SIGN(["file:///lake/shared/a b/part.parquet"])[0])
    assert file == SignedFile(TABLE, "1", "a b/part.parquet", "1900000000")
    assert is_valid(SECRET, file, signature)


@pytest.mark.parametrize(
    "key", ["file:///etc/passwd", "file:///lake/shared-not/x", "file:///lake/shared", "s3://bucket/x/y"]
)
def test_what_the_server_could_not_hand_out_is_not_signed(key: str):
    with pytest.raises(TableUnreadable) as refusal:
        SIGN([key])
    assert key not in str(refusal.value)
