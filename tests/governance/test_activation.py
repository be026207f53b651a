import re
import uuid

import pytest
from hypothesis import given, strategies as st

from lakeshare.governance.activation import activation_code, is_genuine, token_id_of
from lakeshare.governance.keys import Keyring

KEYRING = Keyring(b"n" * 32)
TOKEN_ID = "9b2f1c1e-0d3a-4f6e-8a57-3b1d2c4e5f60"
CODE = activation_code(KEYRING, TOKEN_ID, 1)


@given(st.uuids(), st.integers(1, 2**31))
def test_a_code_names_its_token_and_is_genuine(token_id: uuid.UUID, issue: int):
    code = activation_code(KEYRING, str(token_id), issue)
    assert token_id_of(code) == str(token_id)
    assert is_genuine(KEYRING, code, str(token_id), issue)


def test_a_code_needs_no_escapes_in_a_url():
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", CODE)


def test_a_code_is_recomputed_not_stored():
    assert activation_code(Keyring(b"n" * 32), TOKEN_ID, 1) == CODE


def test_a_code_of_another_issue_token_or_key_is_not_genuine():
    assert not is_genuine(KEYRING, CODE, TOKEN_ID, 2)
    assert not is_genuine(KEYRING, CODE, str(uuid.uuid4()), 1)
    assert not is_genuine(Keyring(b"x" * 32), CODE, TOKEN_ID, 1)


def test_a_code_outlives_the_replacement_of_its_key_while_the_old_key_is_accepted():
    assert is_genuine(Keyring(b"x" * 32, previous=b"n" * 32), CODE, TOKEN_ID, 1)


@given(st.integers(0, 63), st.sampled_from("ABCDwxyz0189-_"))
def test_a_code_with_one_wrong_character_is_not_genuine(position: int, letter: str):
    wrong = CODE[:position] + letter + CODE[position + 1 :]
    assert is_genuine(KEYRING, wrong, TOKEN_ID, 1) == (wrong == CODE)


@pytest.mark.parametrize(
    "text", ["", "x", CODE[:-1], CODE + "A", CODE + "=", CODE[:-1] + "\n", CODE[:-1] + "é", "\ud800"]
)
def test_what_is_no_code_names_no_token(text: str):
    assert token_id_of(text) is None
    assert not is_genuine(KEYRING, text, TOKEN_ID, 1)


@given(st.text())
def test_any_text_may_be_asked_about(text: str):
    assert token_id_of(text) is None
    assert not is_genuine(KEYRING, text, TOKEN_ID, 1)
