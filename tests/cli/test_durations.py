import re

import pytest
from hypothesis import assume, given, strategies as st

from lakeshare.cli.durations import describe_duration, parse_duration
from lakeshare.errors import InvalidValue


@given(st.integers(1, 36_600), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]))
def test_a_number_of_units_is_as_many_milliseconds(number, unit):
    letter, seconds = unit
    assert parse_duration(f"{number}{letter}") == number * seconds * 1000


@given(st.text())
def test_any_other_text_is_refused_with_an_example(text):
    assume(re.fullmatch(r"\s*[0-9]+[wdhms]\s*", text) is None)
    with pytest.raises(InvalidValue) as refused:
        parse_duration(text)
    assert "30d" in refused.value.hint


@pytest.mark.parametrize("text", ["0s", "36601d", "999999999999w", "1" * 13 + "s"])
def test_no_time_and_too_long_a_time_are_refused(text):
    with pytest.raises(InvalidValue):
        parse_duration(text)


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (1000, "1 second"),
        (90_000, "90 seconds"),
        (900_000, "15 minutes"),
        (7_200_000, "2 hours"),
        (86_400_000, "1 day"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_whole_unit(milliseconds, words):
    assert describe_duration(milliseconds) == words
