from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import InvalidValue
from lakeshare.protocol.timestamps import parse_timestamp


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01T00:00:00.5Z", 500),
        ("1970-01-01T00:00:00.123456789Z", 123),
        ("1969-12-31T23:59:59.999Z", -1),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T01:00:00+0100", 0),
        ("1969-12-31T18:30:00-05:30", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000),
    ],
)
def test_what_it_reads(text: str, epoch_ms: int):
    assert parse_timestamp("timestamp", text) == epoch_ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "2024-01-01 00:00:00Z",
        "2024-01-01T00:00:00 01:00",
        "2024-01-01T00:00:00+24:00",
        "2024-01-01T00:00:00+01:60",
        "2024-02-30T00:00:00Z",
        "2024-01-01T24:00:00Z",
        "2024-01-01T00:00:60Z",
        "2024-01-01T00:00.5Z",
        "2024-01-01T00:00:00.Z",
        "2024-01-01T00:00:00.1234567890Z",
        "24-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "+2024-01-01T00:00:00Z",
        "٢٠٢٤-01-01T00:00:00Z",
        "2024-01-01T00:00:00Z\n",
    ],
)
def test_what_it_refuses_by_the_fields_name_and_the_value(text: str):
    with pytest.raises(InvalidValue, match="endingTimestamp") as caught:
        parse_timestamp("endingTimestamp", text)
    assert repr(text) in str(caught.value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_it_reads_what_python_writes(moment: datetime):
    written = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    assert parse_timestamp("timestamp", written) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // RESOLUTION


RESOLUTION = datetime.resolution * 1000
