import pytest
from hypothesis import given, strategies as st

from lakeshare.server.byte_ranges import Selection, select

ETAG = '"1a-2b-3c"'
DATA = bytes(range(10))
numbers = st.integers(0, 12) | st.integers(0, 10**60)


def asked(headers: dict[str, str], *, size: int = 10, head: bool = False) -> Selection:
    return select(headers, head=head, size=size, etag=ETAG)


def model(size: int, first: int | None, last: int | None) -> tuple[int, list[int]]:
    """RFC 9110, section 14.1.2, position by position."""
    if first is None and last is None:
        return 200, list(range(size))
    if first is None:
        chosen = [position for position in range(size) if position >= size - (last or 0)]
    elif last is not None and first > last:
        return 200, list(range(size))
    else:
        chosen = [position for position in range(size) if first <= position and (last is None or position <= last)]
    return (206, chosen) if chosen else (416, [])


@given(st.integers(0, 12), st.none() | numbers, st.none() | numbers)
def test_a_range_selects_what_the_standard_says(size: int, first: int | None, last: int | None):
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    selection = asked({"range": header}, size=size)
    assert (selection.status, list(selection.part)) == model(size, first, last)


@given(st.text())
def test_any_range_header_may_come(header: str):
    assert asked({"range": header}).status in {200, 206, 416}


@pytest.mark.parametrize(
    "header",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=1-2,4-5",
        "bytes=5-2",
        "items=0-1",
        "bytes=--1",
        "bytes=1-2-3",
    ],
)
def test_a_malformed_or_multiple_range_is_ignored(header: str):
    assert asked({"range": header}) == Selection(200, range(10))


@pytest.mark.parametrize("digits", ["٣", "1_0", "+1", "0x1", "1" * 5000])
def test_only_decimal_digits_are_a_range(digits: str):
    assert asked({"range": f"bytes={digits}-"}).status == 200


def test_the_unit_may_be_written_in_capitals():
    assert asked({"range": "Bytes=0-1"}) == Selection(206, range(2))


def test_head_has_no_ranges():
    assert asked({"range": "bytes=0-1"}, head=True) == Selection(200, range(10))


@pytest.mark.parametrize("given_etag", [ETAG, f"W/{ETAG}", "*", f'"other", {ETAG}', f'W/"other" , W/{ETAG}'])
def test_a_known_etag_needs_no_body(given_etag: str):
    assert asked({"if-none-match": given_etag, "range": "bytes=0-1"}).status == 304
    assert asked({"if-none-match": given_etag}, head=True).status == 304


@pytest.mark.parametrize("given_etag", ["", '"other"', ETAG.strip('"'), '"1a-2b-3c', 'W/"other"'])
def test_an_unknown_etag_gets_the_body(given_etag: str):
    assert asked({"if-none-match": given_etag}).status == 200


@pytest.mark.parametrize(("required", "status"), [(ETAG, 200), ("*", 200), ('"other"', 412), (f"W/{ETAG}", 412)])
def test_a_required_etag_must_be_this_one(required: str, status: int):
    assert asked({"if-match": required}).status == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200), ("Sat, 21 Nov 2026 08:00:00 GMT", 200), ("", 200)],
)
def test_a_conditional_range_is_served_only_of_the_very_same_file(condition: str, status: int):
    assert asked({"range": "bytes=0-1", "if-range": condition}).status == status
