import hashlib
import string

from hypothesis import given, strategies as st

from lakeshare.governance.tokens import is_well_formed, mint_token, token_hash

TOKEN = mint_token()


def test_a_token_is_one_word_with_a_readable_prefix():
    assert TOKEN.startswith("lks_")
    assert set(TOKEN) <= set(string.ascii_letters + string.digits + "_")
    assert len(TOKEN) == 53


def test_tokens_spread_over_all_of_256_bits():
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase

    def number(token: str) -> int:
        value = 0
        for letter in token[4:47]:
            value = value * 62 + digits.index(letter)
        return value

    numbers = [number(mint_token()) for _ in range(200)]
    assert max(numbers).bit_length() <= 256
    for bit in range(256):
        assert {number >> bit & 1 for number in numbers} == {0, 1}


def test_minted_tokens_are_well_formed():
    assert all(is_well_formed(mint_token()) for _ in range(100))


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from(string.ascii_letters + string.digits + "_- é\n"))
def test_one_wrong_character_is_noticed(position: int, letter: str):
    mistyped = TOKEN[:position] + letter + TOKEN[position + 1 :]
    assert is_well_formed(mistyped) == (mistyped == TOKEN)


@given(st.integers(0, len(TOKEN) - 1))
def test_a_cut_token_is_noticed(length: int):
    assert not is_well_formed(TOKEN[:length])


def test_a_line_end_that_was_copied_along_is_noticed():
    assert not is_well_formed(TOKEN + "\n")


@given(st.text())
def test_any_text_may_be_asked_about(text: str):
    assert not is_well_formed(text)


def test_the_stored_hash_is_sha_256_of_the_token():
    assert token_hash(TOKEN) == hashlib.sha256(TOKEN.encode()).digest()
