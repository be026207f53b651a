"""`lakeshare read`, against the stand-in."""

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner, Result

from lakeshare.cli import app
from lakeshare.client import reading
from lakeshare.protocol.profile import encode_profile

from .standin import Standin
from .tables import field, share_frames, struct

FIELDS = [
    field("id", "long"),
    field("name", "string"),
    field("price", "decimal(10,2)"),
    field("day", "date"),
    field("at", "timestamp"),
    field("raw", "binary"),
    field("place", struct(field("x", "decimal(3,1)"))),
    field("tags", {"type": "array", "elementType": "string", "containsNull": True}),
]
SCHEMA = {
    "id": pl.Int64,
    "name": pl.String,
    "price": pl.Decimal(10, 2),
    "day": pl.Date,
    "at": pl.Datetime("us", "UTC"),
    "raw": pl.Binary,
    "place": pl.Struct({"x": pl.Decimal(3, 1)}),
    "tags": pl.List(pl.String),
}
MOMENT = datetime(2021, 9, 8, 11, 11, 11, 500, tzinfo=UTC)
FULL = (1, 'a "b",\u2028', Decimal("1.50"), date(2020, 2, 29), MOMENT, b"\xff", {"x": Decimal("0.5")}, ["ü", None])
NULLS = (2, *[None] * 7)

LAKESHARE = Path(sys.executable).with_name("lakeshare")

Read = Callable[..., Result]


@pytest.fixture
def table(standin: Standin, tmp_path: Path) -> str:
    frames = [pl.DataFrame([row], schema=SCHEMA, orient="row") for row in (FULL, NULLS)]
    share_frames(standin, "retail.eu.sales", FIELDS, frames, tmp_path)
    numbers = pl.DataFrame({"id": range(30)})
    share_frames(standin, "retail.eu.numbers", [field("id", "long")], [numbers], tmp_path)
    share_frames(standin, "retail.eu.empty", FIELDS, [], tmp_path)
    (tmp_path / "config.share").write_bytes(encode_profile(standin.profile))
    return f"{tmp_path}/config.share#retail.eu."


@pytest.fixture
def read(table: str, monkeypatch: pytest.MonkeyPatch) -> Read:
    monkeypatch.setattr(reading, "BATCH_FILES", 1)
    return lambda name, *options: CliRunner().invoke(app, ["read", f"{table}{name}", *options])


def test_a_table_shows_its_rows_and_their_number(read: Read) -> None:
    shown = read("sales").stdout
    assert '"b"' in shown
    assert "1.50" in shown
    assert '{"x":"0.5"}' in shown
    assert shown.endswith("2 rows\n")
    assert "\u2028" not in shown


def test_without_a_limit_20_rows_are_shown_and_no_more_are_asked_for(read: Read, standin: Standin) -> None:
    shown = read("numbers").stdout
    assert "The first 20 rows; there are more." in shown
    assert [line.strip() for line in shown.splitlines()[2:22]] == [str(number) for number in range(20)]
    assert standin.sent("/query")[0].json == {"limitHint": 21}


def test_a_limit_shows_that_many(read: Read) -> None:
    assert "25 rows: the limit is 25, and there may be more." in read("numbers", "--limit", "25").stdout
    assert read("numbers", "--limit", "31").stdout.endswith("\n30 rows\n")
    assert "0 rows" in read("numbers", "--limit", "0").stdout


def test_json_is_one_object_a_line(read: Read) -> None:
    first, second = read("sales", "--format", "json").stdout_bytes.removesuffix(b"\n").split(b"\n")
    assert json.loads(first) == {
        "id": 1,
        "name": FULL[1],
        "price": "1.50",
        "day": "2020-02-29",
        "at": "2021-09-08T11:11:11.000500Z",
        "raw": "/w==",
        "place": {"x": "0.5"},
        "tags": ["ü", None],
    }
    assert json.loads(second) == dict(zip(SCHEMA, NULLS, strict=True))


def test_csv_has_one_header_and_json_in_nested_cells(read: Read) -> None:
    text = read("sales", "--format", "csv").stdout_bytes
    frame = pl.read_csv(text, infer_schema=False)
    assert frame.columns == list(SCHEMA)
    assert frame.row(0) == (
        "1",
        FULL[1],
        "1.50",
        "2020-02-29",
        "2021-09-08T11:11:11.000500+0000",
        "/w==",
        '{"x":"0.5"}',
        '["ü",null]',
    )
    assert frame.row(1) == ("2", *[None] * 7)


def test_parquet_is_the_table_itself(read: Read) -> None:
    data = read("sales", "--format", "parquet").stdout_bytes
    assert_frame_equal(pl.read_parquet(io.BytesIO(data)), pl.DataFrame([FULL, NULLS], schema=SCHEMA, orient="row"))
    assert pl.read_parquet(io.BytesIO(read("numbers", "--format", "parquet", "--limit", "7").stdout_bytes)).height == 7


def test_an_empty_table_has_its_columns_in_every_format(read: Read) -> None:
    assert read("empty").stdout.endswith("0 rows\n")
    assert read("empty", "--format", "csv").stdout == ",".join(SCHEMA) + "\n"
    assert read("empty", "--format", "json").stdout == ""
    assert pl.read_parquet(io.BytesIO(read("empty", "--format", "parquet").stdout_bytes)).schema == SCHEMA


@pytest.mark.parametrize("output", ["table", "csv", "json", "parquet"])
def test_an_error_is_a_line_on_stderr_and_exit_code_1(read: Read, output: str) -> None:
    failed = read("nothing", "--format", output)
    assert failed.exit_code == 1
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: There is no table 'retail.eu.nothing'")


def test_a_url_without_a_table_says_how_to_write_one() -> None:
    failed = CliRunner().invoke(app, ["read", "config.share"])
    assert failed.exit_code == 1
    assert "config.share#share.schema.table" in failed.stderr


def test_an_error_in_the_middle_of_a_parquet_stream_keeps_its_words(read: Read, standin: Standin) -> None:
    gone = next(path for path in standin.files if path.endswith("sales-1.parquet"))
    del standin.files[gone]
    failed = read("sales", "--format", "parquet")
    assert failed.exit_code == 1
    assert "The store refused a data file's URL" in failed.stderr


def test_columns_that_do_not_fit_a_terminal_are_named(table: str, standin: Standin, tmp_path: Path) -> None:
    wide = pl.DataFrame({f"column_{number:02}": ["x" * 100, None] for number in range(10)})
    fields = [field(name, "string") for name in wide.columns]
    share_frames(standin, "retail.eu.wide", fields, [wide], tmp_path)
    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
        subprocess.run([LAKESHARE, "read", f"{table}wide"], stdout=theirs, env=environment, check=True, timeout=60)
        shown = os.read(ours, 100_000).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert "column_01" in shown.splitlines()[0]
    assert "Columns that do not fit: column_02, column_03" in shown
    assert max(map(len, shown.splitlines()[:4])) <= 100


def test_parquet_does_not_go_to_a_terminal_and_a_bar_does_not_disturb_a_pipe(table: str) -> None:
    command = [LAKESHARE, "read", f"{table}numbers", "--format"]
    ours, theirs = pty.openpty()
    try:
        refused = subprocess.run([*command, "parquet"], stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=60)
        piped = subprocess.run([*command, "csv"], stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=60)
    finally:
        os.close(theirs)
        os.close(ours)
    assert refused.returncode == 1
    assert b"not written to a terminal" in refused.stderr
    assert piped.stdout.split() == [b"id", *(str(number).encode() for number in range(30))]


def test_a_reader_that_leaves_early_is_no_error(table: str, standin: Standin, tmp_path: Path) -> None:
    share_frames(standin, "retail.eu.long", [field("id", "long")], [pl.DataFrame({"id": range(300_000)})], tmp_path)
    for output in ("csv", "json", "parquet"):
        command = [LAKESHARE, "read", f"{table}long", "--format", output]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout.read(4)
            process.stdout.close()
            assert process.stderr.read() == b""
        assert process.returncode == 0, output


@pytest.mark.parametrize("output", ["csv", "json", "parquet"])
def test_a_full_disk_is_told(table: str, output: str) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [LAKESHARE, "read", f"{table}sales", "--format", output]
        failed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert failed.returncode == 1
    assert failed.stderr == b"Error: The output cannot be written: No space left on device.\n"
