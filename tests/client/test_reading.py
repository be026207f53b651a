"""Files of every kind become frames of the table's schema."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import HealthCheck, given, settings, strategies as st
from polars.testing import assert_frame_equal

from lakeshare import errors
from lakeshare.client import SharingClient, reading

from .standin import Answer, Standin, ndjson
from .tables import field, file_line, header, share_frames, struct, with_rows

NAME = "retail.eu.sales"
UTC_TIME = pl.Datetime("us", "UTC")
MOMENT = datetime(2021, 9, 8, 11, 11, 11, 123456, tzinfo=UTC)


def share_delta(standin: Standin, root: Path, frame: pl.DataFrame, **options: Any) -> None:
    write_deltalake(root, frame.to_arrow(), **options)
    standin.add_delta_table(NAME, root)


def test_a_delta_table_is_read_as_it_was_written(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3, 4],
            "region": ["EU", "Süd/West %20", None, "EU"],
            "price": pl.Series(
                [Decimal("1.50"), Decimal("-2.00"), None, Decimal("99999999.99")], dtype=pl.Decimal(10, 2)
            ),
            "day": [date(2020, 1, 1), date(1, 1, 1), None, date(9999, 12, 31)],
            "at": pl.Series([MOMENT, None, MOMENT, MOMENT], dtype=UTC_TIME),
            "tags": [["a", None], [], None, ["b"]],
            "place": [{"x": 1, "y": "a"}, None, {"x": None, "y": None}, {"x": 2, "y": "b"}],
        }
    )
    share_delta(standin, tmp_path / "t", frame, partition_by=["region"])
    assert_frame_equal(client.read(NAME), frame, check_row_order=False)
    assert client.read(NAME, columns=["at", "region"]).columns == ["at", "region"]
    assert sorted(client.read(NAME, columns=["region"])["region"].to_list(), key=str) == [
        "EU",
        "EU",
        None,
        "Süd/West %20",
    ]


def test_an_empty_table_has_its_columns(standin: Standin, client: SharingClient) -> None:
    standin.add_table(
        NAME, ndjson(header(field("id", "long"), field("p", "date"), field("d", "decimal(5,1)"), partitioned_by=("p",)))
    )
    assert client.read(NAME).schema == {"id": pl.Int64, "p": pl.Date, "d": pl.Decimal(5, 1)}
    assert client.scan(NAME).select("p").collect().schema == {"p": pl.Date}
    assert [batch.frame.columns for batch in client.batches(NAME, columns=["d"])] == [["d"]]


def test_every_partition_type_is_parsed(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    values: dict[str, tuple[Any, list[tuple[str | None, Any]]]] = {
        "p_string": ("string", [("null", "null"), ("", None)]),
        "p_byte": ("byte", [("-128", -128)]),
        "p_integer": ("integer", [("2147483647", 2147483647)]),
        "p_long": ("long", [("-9223372036854775808", -(2**63))]),
        "p_double": ("double", [("1.0E-10", 1e-10), ("-Infinity", float("-inf"))]),
        "p_float": ("float", [("0.5", 0.5)]),
        "p_boolean": ("boolean", [("true", True), ("false", False)]),
        "p_date": ("date", [("0001-01-01", date(1, 1, 1)), ("9999-12-31", date(9999, 12, 31))]),
        "p_timestamp": (
            "timestamp",
            [
                ("2021-09-08 11:11:11.123456", MOMENT),
                ("2021-09-08T11:11:11.123456Z", MOMENT),
                ("2021-09-08 13:11:11.123456+02:00", MOMENT),
                ("1969-01-01 00:00:00", datetime(1969, 1, 1, tzinfo=UTC)),
            ],
        ),
        "p_ntz": ("timestamp_ntz", [("2021-09-08 11:11:11.5", datetime(2021, 9, 8, 11, 11, 11, 500000))]),  # noqa: DTZ001
        "p_decimal": ("decimal(12,8)", [("1E-8", Decimal("0.00000001")), ("-1234.5", Decimal("-1234.50000000"))]),
        "p_binary": ("binary", [("ab", b"ab")]),
    }
    path = tmp_path / "part.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(path)
    fields = [field("id", "long"), *(field(name, dtype) for name, (dtype, _) in values.items())]
    files = max(len(cases) for _, cases in values.values())
    lines, expected = header(*fields, partitioned_by=tuple(values)), []
    for number in range(files):
        copy = path.rename(tmp_path / "0.parquet") if number == 0 else tmp_path / f"{number}.parquet"
        copy.write_bytes((tmp_path / "0.parquet").read_bytes())
        chosen = {name: (*cases, *[(None, None)] * files)[number] for name, (_, cases) in values.items()}
        lines.append(file_line(standin, copy, {name: raw for name, (raw, _) in chosen.items()}))
        expected.append((1, *(value for _, value in chosen.values())))
    standin.add_table(NAME, ndjson(lines))
    assert client.read(NAME).rows() == expected


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("integer", "2147483648"),
        ("integer", "1.5"),
        ("date", "yesterday"),
        ("boolean", "1"),
        ("decimal(3,1)", "1000"),
        ("decimal(3,1)", "x"),
        ("timestamp", "2021-99-01 00:00:00"),
        ({"type": "array", "elementType": "long", "containsNull": True}, "[1]"),
    ],
)
def test_a_partition_value_that_does_not_fit_is_named(
    standin: Standin, client: SharingClient, tmp_path: Path, dtype: Any, value: str
) -> None:
    path = tmp_path / "part.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(path)
    lines = [
        *header(field("id", "long"), field("p", dtype), partitioned_by=("p",)),
        file_line(standin, path, {"p": value}),
    ]
    standin.add_table(NAME, ndjson(lines))
    with pytest.raises(errors.TableUnreadable, match="partition column 'p'"):
        client.read(NAME)


def test_files_of_other_schemas_are_brought_to_the_tables(
    standin: Standin, client: SharingClient, tmp_path: Path
) -> None:
    """Columns added later, another order, dropped columns, another case, widened types."""
    frames = [
        pl.DataFrame({"id": [1], "name": ["a"]}, schema_overrides={"id": pl.Int32}),
        pl.DataFrame({"name": ["b"], "added": [1.5], "id": [2]}, schema_overrides={"added": pl.Float32}),
        pl.DataFrame({"ID": [3], "Name": ["c"], "dropped": [b"x"]}),
        pl.DataFrame({"id": [4], "name": [b"d"], "price": [5]}, schema_overrides={"price": pl.Int32}),
        pl.DataFrame({"id": [5], "price": [Decimal("1.5")], "ntz": [date(2020, 1, 1)]}),
        pl.DataFrame({"other": ["nothing of the table"]}),
    ]
    fields = [
        field("id", "long"),
        field("name", "string"),
        field("added", "double"),
        field("price", "decimal(12,3)"),
        field("ntz", "timestamp_ntz"),
    ]
    share_frames(standin, NAME, fields, frames, tmp_path)
    expected = [
        (1, "a", None, None, None),
        (2, "b", 1.5, None, None),
        (3, "c", None, None, None),
        (4, "d", None, Decimal("5.000"), None),
        (5, None, None, Decimal("1.500"), datetime(2020, 1, 1)),  # noqa: DTZ001
        (None, None, None, None, None),
    ]
    assert sorted(client.read(NAME).rows(), key=str) == sorted(expected, key=str)
    assert sorted(client.read(NAME, columns=["price", "id"]).rows(), key=str) == sorted(
        ((row[3], row[0]) for row in expected), key=str
    )


def test_nested_fields_evolve_too(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    place = struct(field("x", "long"), field("y", "string"))
    fields = [field("place", place), field("places", {"type": "array", "elementType": place, "containsNull": True})]
    frames = [
        pl.DataFrame({"place": [{"x": 1}], "places": [[{"y": "a"}]]}),
        pl.DataFrame({"place": [{"y": "b", "x": 2, "dropped": 3}], "places": [[]]}),
    ]
    share_frames(standin, NAME, fields, frames, tmp_path)
    assert sorted(client.read(NAME).rows(), key=str) == [
        ({"x": 1, "y": None}, [{"x": None, "y": "a"}]),
        ({"x": 2, "y": "b"}, []),
    ]


def test_nested_fields_of_another_case_are_refused_rather_than_lost(
    standin: Standin, client: SharingClient, tmp_path: Path
) -> None:
    frames = [pl.DataFrame({"place": [{"X": 1}]})]
    share_frames(standin, NAME, [field("place", struct(field("x", "long")))], frames, tmp_path)
    with pytest.raises(errors.TableUnreadable, match="'place' in another case"):
        client.read(NAME)


def test_legacy_timestamps_of_any_year_are_read(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    """Spark wrote int96, which Polars takes for nanoseconds, and nanoseconds end in 2262."""
    moments = [datetime(1, 1, 1, tzinfo=UTC), MOMENT, datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)]
    naive = pa.array([moment.replace(tzinfo=None) for moment in moments], pa.timestamp("us"))
    path = tmp_path / "int96.parquet"
    pq.write_table(pa.table({"at": naive}), path, use_deprecated_int96_timestamps=True, store_schema=False)
    odd = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"AT": naive}), odd, use_deprecated_int96_timestamps=True, store_schema=False)
    standin.add_table(NAME, ndjson([*header(field("at", "timestamp")), file_line(standin, path)]))
    assert client.read(NAME)["at"].to_list() == moments
    standin.add_table(NAME, ndjson([*header(field("at", "timestamp")), file_line(standin, odd)]))
    assert client.read(NAME)["at"].to_list() == moments


def test_maps_are_maps(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    path = tmp_path / "map.parquet"
    pq.write_table(pa.table({"m": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32()))}), path)
    dtype = {"type": "map", "keyType": "string", "valueType": "long", "valueContainsNull": True}
    standin.add_table(NAME, ndjson([*header(field("m", dtype)), file_line(standin, path)]))
    assert client.read(NAME)["m"].to_list() == [{"a": 1}, None, {}]


def test_a_file_that_does_not_fit_the_schema_is_refused(
    standin: Standin, client: SharingClient, tmp_path: Path
) -> None:
    share_frames(standin, NAME, [field("id", "long")], [pl.DataFrame({"id": ["x"]})], tmp_path)
    with pytest.raises(errors.TableUnreadable):
        client.read(NAME)


@pytest.mark.parametrize(
    "at",
    [
        "/f/a b+c%d&e=f.parquet",
        "/f/ü☃\u2028.parquet",
        "/f/x%2Fy?q#h.parquet",
        "/f/[a]*{b}.parquet",
        "/f/dt=2021-01-01 00%3A00%3A00/x.parquet",
    ],
)
def test_any_path_may_stand_in_a_url(standin: Standin, client: SharingClient, tmp_path: Path, at: str) -> None:
    path = tmp_path / "part.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(path)
    file = {"url": standin.add_file(path, at), "id": "1", "size": 1, "partitionValues": {"dt": "x"}}
    fields = (field("id", "long"), field("dt", "string"))
    standin.add_table(NAME, ndjson([*header(*fields, partitioned_by=("dt",)), {"file": file}]))
    assert client.read(NAME).rows() == [(1, "x")]


def test_a_limit_reads_no_more_files_than_it_needs(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    frames = [pl.DataFrame({"id": [number, -number]}) for number in range(20)]
    share_frames(standin, NAME, [field("id", "long")], frames, tmp_path)
    assert client.read(NAME, limit=3)["id"].to_list() == [0, 0, 1]
    assert {request.path for request in standin.sent(".parquet")} == {
        f"/files/{NAME}-0.parquet",
        f"/files/{NAME}-1.parquet",
    }
    standin.requests.clear()
    assert client.read(NAME, limit=0).height == 0
    assert not standin.sent(".parquet")
    assert client.read(NAME, limit=1000).height == 40


def test_batches_together_are_the_table(
    standin: Standin, client: SharingClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_FILES", 3)
    frames = [pl.DataFrame({"id": [number, -number]}) for number in range(8)]
    share_frames(standin, NAME, [field("id", "long")], frames, tmp_path)
    batches = list(client.batches(NAME))
    assert [(batch.files_read, batch.files) for batch in batches] == [(3, 8), (6, 8), (8, 8)]
    assert (
        batches[-1].bytes_read == batches[-1].bytes == sum(path.stat().st_size for path in tmp_path.glob("*.parquet"))
    )
    assert_frame_equal(pl.concat(batch.frame for batch in batches), client.read(NAME))
    assert [batch.frame.height for batch in client.batches(NAME, limit=7)] == [6, 1]


def test_a_scan_asks_only_for_what_is_collected(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": range(100), "region": ["EU", "US"] * 50, "price": [1.5] * 100})
    share_delta(standin, tmp_path / "t", frame, partition_by=["region"])
    scan = client.scan(NAME)
    assert not standin.sent("/query")
    assert scan.collect_schema() == frame.schema
    assert_frame_equal(scan.collect(), frame, check_row_order=False)
    us = scan.filter((pl.col("region") == "US") & (pl.col("id") < 10)).select("id").collect()
    assert sorted(us["id"].to_list()) == [1, 3, 5, 7, 9]
    assert scan.head(7).collect().height == 7
    assert standin.sent("/query")[-1].json == {"limitHint": 7}
    assert scan.head(60).filter(pl.col("id") >= 0).collect().height == 60
    assert scan.select(pl.len()).collect().item() == 100
    joined = scan.join(client.scan(NAME), on="id").group_by("region").agg(pl.len()).sort("region").collect()
    assert joined.rows() == [("EU", 50), ("US", 50)]


def test_a_scan_in_batches_counts_its_head_over_all_of_them(
    standin: Standin, client: SharingClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH_FILES", 1)
    frames = [pl.DataFrame({"id": [number, number]}) for number in range(5)]
    share_frames(standin, NAME, [field("id", "long")], frames, tmp_path)
    assert client.scan(NAME).head(5).filter(pl.col("id") > 0).collect()["id"].to_list() == [1, 1, 2]
    assert client.scan(NAME).filter(pl.col("id") > 0).head(3).collect()["id"].to_list() == [1, 1, 2]


def test_a_scan_notices_that_the_schema_changed(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    share_frames(standin, NAME, [field("id", "long")], [pl.DataFrame({"id": [1]})], tmp_path)
    scan = client.scan(NAME)
    share_frames(standin, NAME, [field("id", "string")], [pl.DataFrame({"id": ["1"]})], tmp_path)
    with pytest.raises(errors.TableUnreadable, match="Scan it again"):
        scan.collect()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(403, b"expired"), errors.Unavailable),
        (Answer(404, b"gone"), errors.Unavailable),
        (
            Answer(200, b"<html>no parquet file, but a page of a proxy that is here instead</html>"),
            errors.LakeshareError,
        ),
    ],
)
def test_a_file_that_cannot_be_fetched_is_told_without_its_url(
    standin: Standin, client: SharingClient, tmp_path: Path, answer: Answer, kind: type[Exception]
) -> None:
    share_frames(standin, NAME, [field("id", "long")], [pl.DataFrame({"id": [1]})], tmp_path)
    standin.file_failures += [answer] * 10
    with pytest.raises(kind) as raised:
        client.read(NAME)
    assert "X-Amz" not in f"{raised.value} {raised.value.detail}"  # type: ignore[attr-defined]
    assert "http" not in str(raised.value)


def test_a_broken_file_is_told(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    pl.DataFrame({"id": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    standin.add_table(NAME, ndjson([*header(field("id", "long")), file_line(standin, path)]))
    with pytest.raises(errors.TableUnreadable, match="A data file cannot be read"):
        client.read(NAME)


rows = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
        st.none() | st.dates(),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(rows, max_size=4),
    partition=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_any_rows_come_back_as_they_were(
    standin: Standin,
    client: SharingClient,
    tmp_path: Path,
    files: Sequence[list[tuple[Any, ...]]],
    partition: str | None,
) -> None:
    fields = [field("id", "long"), field("p", "string"), field("text", "string"), field("day", "date")]
    lines, expected = header(*fields, partitioned_by=("p",)), []
    for number, group in enumerate(files):
        path = tmp_path / f"{number}.parquet"
        schema = {"id": pl.Int64, "text": pl.String, "day": pl.Date}
        pl.DataFrame(group, schema=schema, orient="row").write_parquet(path)
        lines.append(file_line(standin, path, {"p": partition}, **with_rows(len(group))))
        expected += [(key, partition, text, day) for key, text, day in group]
    standin.add_table(NAME, ndjson(lines))
    assert client.read(NAME).rows() == expected
    assert client.read(NAME, limit=5).rows() == expected[:5]


def test_the_module_functions_read_by_url(standin: Standin, tmp_path: Path) -> None:
    import lakeshare
    from lakeshare.protocol.profile import encode_profile

    share_frames(standin, NAME, [field("id", "long")], [pl.DataFrame({"id": [1, 2]})], tmp_path)
    profile = tmp_path / "config.share"
    profile.write_bytes(encode_profile(standin.profile))
    assert lakeshare.read_table(f"{profile}#{NAME}", limit=1)["id"].to_list() == [1]
    assert lakeshare.scan_table(f"{profile}#{NAME}").collect()["id"].to_list() == [1, 2]
