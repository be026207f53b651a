"""What the client asks a sharing server, and what it makes of the answers' lines."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lakeshare import errors
from lakeshare.client import Retries, SharingClient, TableName

from .standin import Answer, Standin, ndjson
from .tables import field, file_line, header, share_frames, with_rows

ID = field("id", "long")
NAME = "retail.eu.sales"


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    path = tmp_path / "part.parquet"
    pl.DataFrame({"id": [1, 2, 3]}).write_parquet(path)
    return path


def test_what_is_shared_is_listed_page_by_page(standin: Standin, client: SharingClient) -> None:
    standin.page_size = 2
    for number in range(5):
        standin.add_table(f"retail.s{number % 3}.t{number}", b"")
    standin.shares["empty"] = {}
    standin.shares["third"] = {}
    assert client.shares() == ["retail", "empty", "third"]
    assert client.schemas("retail") == ["s0", "s1", "s2"]
    assert client.tables("retail", "s0") == [TableName("retail", "s0", "t0"), TableName("retail", "s0", "t3")]
    assert sorted(map(str, client.all_tables("retail"))) == [
        f"retail.s{number % 3}.t{number}" for number in (0, 3, 1, 4, 2)
    ]
    assert client.schemas("empty") == []
    assert len(standin.sent("/all-tables")) == 3


def test_names_are_quoted_in_paths(standin: Standin, client: SharingClient) -> None:
    share, schema, table = "a.b%2f?", "ü#", "☃&;="
    standin.shares[share] = {schema: [table]}
    standin.answers[f"{share}.{schema}.{table}".lower()] = Answer(200, ndjson(header(ID)), {"delta-table-version": "3"})
    assert client.schemas(share) == [schema]
    assert client.tables(share, schema) == [TableName(share, schema, table)]
    assert client.version(TableName(share, schema, table)) == 3


def test_a_list_that_is_no_list_is_told(standin: Standin, client: SharingClient) -> None:
    standin.failures.append(Answer(200, b'{"items": 5}'))
    with pytest.raises(errors.LakeshareError, match="the protocol does not describe"):
        client.shares()


def test_version_and_metadata_are_read(standin: Standin, client: SharingClient, one_file: Path) -> None:
    standin.add_table(NAME, ndjson([*header(ID, name="sales"), file_line(standin, one_file)]))
    assert client.version(NAME) == 7
    assert client.metadata(NAME).name == "sales"
    assert client.files(NAME).version == 7


def test_a_version_that_is_missing_is_told(standin: Standin, client: SharingClient) -> None:
    standin.failures.append(Answer(200))
    standin.add_table(NAME, ndjson(header(ID)))
    with pytest.raises(errors.LakeshareError, match="delta-table-version"):
        client.version(NAME)


def test_the_query_carries_what_was_asked(standin: Standin, client: SharingClient) -> None:
    standin.add_table(NAME, ndjson(header(ID)))
    client.files(NAME)
    client.files(NAME, limit=5, predicate_hints=["id > 3"], json_predicate_hints='{"op":"equal"}')
    plain, asked = standin.sent("/query")
    assert plain.json == {}
    assert asked.json == {"limitHint": 5, "predicateHints": ["id > 3"], "jsonPredicateHints": '{"op":"equal"}'}
    assert asked.headers["delta-sharing-capabilities"] == "responseformat=parquet;includeEndStreamAction=true"


def test_a_negative_limit_is_refused_before_anything_is_sent(standin: Standin, client: SharingClient) -> None:
    with pytest.raises(errors.InvalidValue, match="-1"):
        client.read(NAME, limit=-1)
    assert not standin.requests


def test_line_separators_of_unicode_do_not_end_a_line(standin: Standin, client: SharingClient, tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(path)
    odd = "a\u2028b\u2029c\u0085d\x0b"
    line = file_line(standin, path, {"p": odd}, stats=f'{{"minValues":{{"p":"{odd[:5]}"}}}}')
    standin.add_table(NAME, ndjson([*header(ID, field("p", "string"), partitioned_by=("p",)), line]))
    assert client.read(NAME).rows() == [(1, odd)]


def test_blank_lines_and_unknown_lines_and_fields_are_ignored(
    standin: Standin, client: SharingClient, one_file: Path
) -> None:
    lines = [*header(ID, somethingNew=1), {"domainMetadata": {}}, file_line(standin, one_file, version=3)]
    standin.add_table(NAME, b"\n" + ndjson(lines).replace(b"\n", b"\n\r\n"))
    assert client.read(NAME)["id"].to_list() == [1, 2, 3]


def test_files_after_a_covered_limit_are_not_listed(standin: Standin, client: SharingClient, one_file: Path) -> None:
    line = file_line(standin, one_file, **with_rows(3))
    unknown = file_line(standin, one_file)
    standin.add_table(NAME, ndjson([*header(ID), line, unknown, line, line, line]))
    assert len(client.files(NAME).files) == 5
    assert len(client.files(NAME, limit=3).files) == 1
    assert len(client.files(NAME, limit=4).files) == 3
    assert len(client.files(NAME, limit=100).files) == 5


def test_statistics_that_make_no_sense_promise_no_rows(standin: Standin, client: SharingClient, one_file: Path) -> None:
    lines = [file_line(standin, one_file, stats=stats) for stats in ("", "{", '{"numRecords":"3"}', '{"numRecords":3}')]
    standin.add_table(NAME, ndjson([*header(ID), *lines, *lines]))
    assert len(client.files(NAME, limit=3).files) == 4


def delta_lines() -> list[dict[str, Any]]:
    return [
        {"protocol": {"deltaProtocol": {"minReaderVersion": 3, "minWriterVersion": 7}}},
        {"metaData": {"deltaMetadata": {"id": "x"}}},
    ]


@pytest.mark.parametrize(
    ("lines", "headers", "kind", "said"),
    [
        (
            header(ID),
            {"delta-sharing-capabilities": "responseformat=delta"},
            errors.UnsupportedTableFeature,
            "delta format",
        ),
        (delta_lines(), {}, errors.UnsupportedTableFeature, "delta format"),
        ([{"protocol": {"minReaderVersion": 2}}], {}, errors.UnsupportedTableFeature, "Upgrade lakeshare"),
        (header(ID, accessModes=["dir"]), {}, errors.UnsupportedTableFeature, "directory access"),
        ([{"protocol": {"minReaderVersion": 1}}], {}, errors.LakeshareError, "without the table's schema"),
        ([*header(ID), {"file": {"id": "x"}}], {}, errors.LakeshareError, "Line 3"),
        (
            [*header(ID), {"endStreamAction": {"errorMessage": "The storage went away."}}],
            {},
            errors.LakeshareError,
            "The storage went away.",
        ),
    ],
)
def test_what_cannot_be_read_is_told_and_not_guessed(
    standin: Standin,
    client: SharingClient,
    lines: list[dict[str, Any]],
    headers: dict[str, str],
    kind: type[errors.LakeshareError],
    said: str,
) -> None:
    standin.add_table(NAME, ndjson(lines), headers)
    with pytest.raises(kind, match=said) as raised:
        client.read(NAME)
    assert type(raised.value) is kind


@pytest.mark.parametrize("mapped", [{"configuration": {"delta.columnMapping.mode": "name"}}, {}])
def test_column_mapping_is_refused(standin: Standin, client: SharingClient, mapped: dict[str, Any]) -> None:
    column = {**ID, "metadata": {} if mapped else {"delta.columnMapping.physicalName": "col-1"}}
    standin.add_table(NAME, ndjson(header(column, **mapped)))
    with pytest.raises(errors.UnsupportedTableFeature, match="column mapping"):
        client.read(NAME)


def test_an_answer_that_breaks_off_between_lines_is_noticed(standin: Standin, one_file: Path) -> None:
    promised = {"delta-sharing-capabilities": "responseformat=parquet;includeEndStreamAction=true"}
    lines = [*header(ID), file_line(standin, one_file)]
    standin.add_table(NAME, ndjson(lines), promised)
    impatient = Retries(total_seconds=0.05, first_delay_seconds=0.01)
    with SharingClient(standin.profile, retries=impatient) as client:
        with pytest.raises(errors.Unavailable, match="broke its answer off"):
            client.read(NAME)
        standin.add_table(NAME, ndjson([*lines, {"endStreamAction": {}}]), promised)
        assert client.read(NAME).height == 3


def test_an_answer_that_breaks_off_within_its_length_is_asked_for_again(
    standin: Standin, client: SharingClient, one_file: Path
) -> None:
    whole = ndjson([*header(ID), file_line(standin, one_file), file_line(standin, one_file)])
    standin.add_table(NAME, whole)
    standin.failures.append(Answer(200, whole[:-40], {"delta-table-version": "7"}, cut=True))
    assert len(client.files(NAME).files) == 2


def test_an_unknown_table_is_not_found(client: SharingClient) -> None:
    with pytest.raises(errors.NotFound, match=r"'no\.such\.table'"):
        client.read("no.such.table")


def test_an_unknown_column_is_named_with_those_there_are(
    standin: Standin, client: SharingClient, tmp_path: Path
) -> None:
    share_frames(standin, NAME, [ID, field("b", "string")], [pl.DataFrame({"id": [1], "b": ["x"]})], tmp_path)
    with pytest.raises(errors.InvalidValue, match=r"no column 'ID'. It has: id, b\."):
        client.read(NAME, columns=["ID"])
    with pytest.raises(errors.InvalidValue, match="twice"):
        client.read(NAME, columns=["id", "id"])
