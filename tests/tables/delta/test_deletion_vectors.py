"""Where deletion vectors are: Z85, and the examples of Delta's protocol."""

import uuid

import pytest
from hypothesis import given, strategies as st

from lakeshare.datafiles.z85 import decode_z85
from lakeshare.errors import TableUnreadable
from lakeshare.tables.formats.delta.deletion_vectors import deletion_vector_key
from samples.deletion_vectors import encode_z85

ROOT = "file:///lake/t"


def test_the_example_of_zeromq():
    assert decode_z85("HelloWorld") == bytes([0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B])


def test_the_example_of_the_protocol():
    key = deletion_vector_key("u", "ab^-aqEH.-t@S}K{vb[*k^", ROOT)
    assert key == "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"
    assert deletion_vector_key("p", f"{ROOT}/a%20b.bin", ROOT) == "a b.bin"
    assert deletion_vector_key("p", "s3://other/a.bin", ROOT) == "s3://other/a.bin"
    assert deletion_vector_key("i", "anything", ROOT) is None


@given(st.uuids(), st.sampled_from(["", "a", "Zz9"]))
def test_every_uuid_comes_back(name: uuid.UUID, prefix: str):
    directory = f"{prefix}/" if prefix else ""
    found = deletion_vector_key("u", prefix + encode_z85(name.bytes), ROOT)
    assert found == f"{directory}deletion_vector_{name}.bin"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("abcd", "multiple of 5"), ("#####", "four bytes"), ("ab cd", "' '"), ("abcdé", "'é'"), ("abcd'", '"\'"')],
)
def test_what_is_not_z85_is_an_error(text: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        decode_z85(text)


@given(st.text(max_size=30))
def test_any_descriptor_is_a_key_inside_or_refused(text: str):
    try:
        key = deletion_vector_key("u", text, ROOT)
    except TableUnreadable:
        return
    assert key is not None
    assert key.count("/") <= 1
    assert not key.startswith(("/", ".."))
