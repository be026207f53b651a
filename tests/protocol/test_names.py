import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import InvalidValue
from lakeshare.protocol.names import check_name, split_shared_name, split_table_name

KINDS = ["catalog", "schema", "table", "share", "recipient"]
RESTRICTED = [" ", "/", "\x7f", *map(chr, range(0x20))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "x" * 255, "Straße", "売上", "a-b_c%#?&", "😀" * 255])
def test_a_name_that_the_protocol_allows_comes_back_as_written(kind, name):
    assert check_name(kind, name) == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("character", RESTRICTED)
def test_a_restricted_character_is_refused_wherever_it_stands(kind, character):
    for name in (character, f"{character}a", f"a{character}b", f"a{character}"):
        with pytest.raises(InvalidValue) as caught:
            check_name(kind, name)
        assert repr(name) in caught.value.message


@pytest.mark.parametrize("kind", ["catalog", "schema", "table"])
def test_a_period_is_refused_where_names_are_joined_by_periods(kind):
    with pytest.raises(InvalidValue, match=f"The {kind} name 'a.b' holds a period"):
        check_name(kind, "a.b")


@pytest.mark.parametrize("kind", ["share", "recipient"])
def test_a_period_is_allowed_in_other_names(kind):
    assert check_name(kind, "a.b") == "a.b"


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_name_is_refused(kind):
    with pytest.raises(InvalidValue, match=f"The {kind} name is empty"):
        check_name(kind, "")


@pytest.mark.parametrize("kind", KINDS)
def test_256_characters_are_refused_and_the_message_stays_short(kind):
    with pytest.raises(InvalidValue, match="has 256 characters") as caught:
        check_name(kind, "x" * 256)
    assert len(str(caught.value)) < 200


def test_a_lone_surrogate_is_refused():
    with pytest.raises(InvalidValue, match="not valid Unicode"):
        check_name("share", "a\udc80")


def test_a_message_says_what_the_rule_is():
    with pytest.raises(InvalidValue) as caught:
        check_name("share", "my share")
    assert str(caught.value) == (
        "The share name 'my share' holds a space. A name has no space, no slash and no control character."
    )


def test_a_full_name_has_three_parts():
    assert split_table_name("acme_corp.retail.Customers") == ("acme_corp", "retail", "Customers")


@pytest.mark.parametrize("name", ["", "a", "a.b", "a.b.c.d", "a..c", ".b.c", "a.b.", "a.b c.d", "a.b.c/d", "x." * 5000])
def test_anything_else_is_no_full_name(name):
    with pytest.raises(InvalidValue) as caught:
        split_table_name(name)
    assert len(str(caught.value)) < 500


def test_a_shared_name_has_two_parts():
    assert split_shared_name("retail.Customers") == ("retail", "Customers")


@pytest.mark.parametrize("name", ["", "a", "a.b.c", ".b", "a.", "a b.c", "a/b.c"])
def test_anything_else_is_no_shared_name(name):
    with pytest.raises(InvalidValue):
        split_shared_name(name)


allowed = st.text(
    st.characters(exclude_characters=[*RESTRICTED, "."], exclude_categories=["Cs"]), min_size=1, max_size=255
)


@given(allowed, allowed, allowed)
def test_joined_names_split_into_themselves(catalog, schema, table):
    assert split_table_name(f"{catalog}.{schema}.{table}") == (catalog, schema, table)
    assert split_shared_name(f"{schema}.{table}") == (schema, table)


@given(st.text())
def test_any_text_is_either_returned_or_refused(name):
    try:
        assert check_name("table", name) == name
    except InvalidValue as error:
        assert error.hint  # noqa: PT017  both outcomes are right, and the refusal says what to do
