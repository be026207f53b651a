import re

import pytest
from hypothesis import given, strategies as st

from lakeshare.governance.keys import Keyring
from lakeshare.governance.sealed import seal, unseal

OLD, NEW = b"o" * 32, b"n" * 32
KEYRING = Keyring(NEW)
KEY = KEYRING.active("list page")
SEALED = seal(KEY, b"sales")


@given(st.binary(max_size=200))
def test_what_was_sealed_is_unsealed(payload: bytes):
    text = seal(KEY, payload)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", text)
    assert unseal(KEYRING, "list page", text) == payload


@given(st.integers(0, len(SEALED) - 1), st.sampled_from("ABCDwxyz0189-_=+/ é\n"))
def test_one_changed_character_spoils_it(position: int, letter: str):
    changed = SEALED[:position] + letter + SEALED[position + 1 :]
    assert unseal(KEYRING, "list page", changed) == (b"sales" if changed == SEALED else None)


@given(st.integers(0, len(SEALED) - 1))
def test_a_cut_token_is_refused(length: int):
    assert unseal(KEYRING, "list page", SEALED[:length]) is None


@pytest.mark.parametrize(
    "text", ["", "=", "====", "\ud800", "A" * 47, "A" * 48, SEALED + "=", SEALED + "A", " " + SEALED]
)
def test_garbage_is_refused(text: str):
    assert unseal(KEYRING, "list page", text) is None


@given(st.text())
def test_any_text_may_be_unsealed(text: str):
    assert unseal(KEYRING, "list page", text) is None


def test_a_token_of_another_purpose_is_refused():
    assert unseal(KEYRING, "query page", SEALED) is None


def test_a_token_of_the_previous_key_is_accepted_and_of_an_older_one_refused():
    sealed = seal(Keyring(OLD).active("list page"), b"sales")
    assert unseal(Keyring(NEW, previous=OLD), "list page", sealed) == b"sales"
    assert unseal(Keyring(NEW), "list page", sealed) is None


def test_a_payload_under_another_key_id_is_refused():
    foreign = Keyring(OLD).active("list page")
    both = Keyring(NEW, previous=OLD)
    relabelled = seal(type(foreign)(both.active("list page").id, foreign.secret), b"sales")
    assert unseal(both, "list page", relabelled) is None
