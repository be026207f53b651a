from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, strategies as st

from lakeshare.demo.chart import save_chart
from lakeshare.demo.report import differences, revenue_by_segment

CUSTOMERS = pl.DataFrame({"customer_id": [1, 2, 3], "customer_segment": ["Enterprise", "Consumer", "Consumer"]})
SALES = pl.DataFrame(
    {
        "customer_id": [1, 2, 2, 3],
        "total_amount": pl.Series([Decimal("1.10"), Decimal("2.20"), Decimal("3.30"), Decimal("0.01")]),
    }
)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 3) | st.none(),
        st.sampled_from(["a", "é", None]),
        st.floats(allow_nan=True, width=32) | st.none(),
        st.sampled_from([date(2025, 1, 1), None]),
    ),
    max_size=12,
)
SCHEMA = {"number": pl.Int32, "text": pl.String, "real": pl.Float64, "day": pl.Date}


def frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_revenue_is_summed_by_segment_the_largest_first():
    assert revenue_by_segment(CUSTOMERS, SALES).rows() == [
        ("Consumer", 2, 3, Decimal("5.51")),
        ("Enterprise", 1, 1, Decimal("1.10")),
    ]


def test_the_chart_is_a_png_of_its_size(tmp_path):
    save_chart(revenue_by_segment(CUSTOMERS, SALES), tmp_path / "revenue.png")
    header = (tmp_path / "revenue.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG")
    assert [int.from_bytes(header[at : at + 4]) for at in (16, 20)] == [1600, 900]


@given(rows=ROWS, random=st.randoms())
def test_rows_in_another_order_do_not_differ(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert differences(frame(rows), frame(shuffled)) == []


@given(rows=ROWS.filter(bool), data=st.data())
def test_a_row_that_is_missing_once_is_found(rows, data):
    fewer = list(rows)
    del fewer[data.draw(st.integers(0, len(rows) - 1))]
    [lost] = differences(frame(rows), frame(fewer))
    assert lost.startswith("1 row was written but not read, for example {'number':")
    [invented] = differences(frame(fewer), frame(rows))
    assert invented.startswith("1 row was read but never written, for example {'number':")


def test_a_changed_value_is_told_from_both_sides():
    assert differences(
        frame([(1, "a", 0.5, None), (2, "b", 0.5, None)]), frame([(1, "a", 0.5, None), (2, "c", 0.5, None)])
    ) == [
        "1 row was written but not read, for example {'number': 2, 'text': 'b', 'real': 0.5, 'day': None}.",
        "1 row was read but never written, for example {'number': 2, 'text': 'c', 'real': 0.5, 'day': None}.",
    ]


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (frame([]).drop("day"), "Column 'day' was written but not read."),
        (frame([]).with_columns(more=pl.lit(1)), "Column 'more' was read but never written."),
        (frame([]).cast({"number": pl.Int64}), "Column 'number' was written as Int32 and read as Int64."),
    ],
)
def test_columns_that_differ_are_named(read, sentence):
    assert differences(frame([]), read) == [sentence]
