"""The official Python client's whole public surface against a real server: lists, time travel, hints, change feeds."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from golden import golden_tables
from served import Served, served

HERE = Path(__file__).parent
CLIENT = HERE.parent.parent / ".venv-client" / "bin" / "python"
TABLE = "lake.retail.orders"
START = datetime(2024, 1, 1, tzinfo=UTC)
"""When version 0 was committed; each version came a day after the last."""

BOTH_FORMATS = pytest.mark.parametrize("delta", [False, True], ids=["parquet", "delta"])

_FIRST = [(1, "EMEA", "a"), (2, "EMEA", "b"), (3, "Île", None), (4, None, "d")]
_SECOND = [(5, "Île", "e"), (6, "EMEA", "f")]
_KEPT = [(1, "EMEA", "a"), (2, "EMEA", "changed"), (4, None, "d"), *_SECOND]
VERSIONS = {
    0: _FIRST,
    1: [*_FIRST, *_SECOND],
    2: [(3, "Île", None), *_KEPT],
    3: _KEPT,
    4: _KEPT,
    5: [*_KEPT, (7, "EMEA", "g")],
}
CHANGES = [
    *[(*row, "insert", 0) for row in _FIRST],
    *[(*row, "insert", 1) for row in _SECOND],
    (2, "EMEA", "b", "update_preimage", 2),
    (2, "EMEA", "changed", "update_postimage", 2),
    (3, "Île", None, "delete", 3),
    (7, "EMEA", "g", "insert", 5),
]
"""Columns, change type, version. Version 4 is a compaction, which changes no row."""


def write_history(place: Path) -> None:
    """A table of six versions, partitioned by region, with a change feed, a day between commits."""

    def append(rows: list[tuple]) -> None:
        columns = dict(zip(("id", "region", "note"), map(list, zip(*rows, strict=True)), strict=True))
        write_deltalake(
            place,
            pa.table(columns, pa.schema([("id", pa.int64()), ("region", pa.string()), ("note", pa.string())])),
            mode="append",
            partition_by=["region"],
            configuration={"delta.enableChangeDataFeed": "true"},
        )

    append(_FIRST)
    append(_SECOND)
    DeltaTable(place).update(predicate="id = 2", updates={"note": "'changed'"})
    DeltaTable(place).delete("id = 3")
    DeltaTable(place).optimize.compact()
    assert DeltaTable(place).version() == 4, "there was nothing to compact"
    append([(7, "EMEA", "g")])
    for version, commit in enumerate(sorted((place / "_delta_log").glob("*.json"))):
        moment = (START + timedelta(days=version)).timestamp()
        os.utime(commit, (moment, moment))


def at(version: int, hours: int = 0) -> str:
    """The time of a version's commit, or some hours from it, as the protocol writes it."""
    return (START + timedelta(days=version, hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Official:
    """The official client as a recipient's program has it."""

    lake: Served
    place: Path

    def __call__(self, *requests: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        assert CLIENT.exists(), "The official client's environment is not there. Run the tests with `make test`."
        file = self.place / "surface.json"
        file.write_text(json.dumps([{"call": call, "arguments": arguments} for call, arguments in requests]))
        done = subprocess.run(
            [CLIENT, HERE / "official_surface.py", file], capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"value"')]
        assert len(answers) == len(requests), done.stderr
        return answers

    def values(self, *requests: tuple[str, dict[str, Any]]) -> list[Any]:
        answers = self(*requests)
        assert [answer["error"] for answer in answers] == [None] * len(answers)
        return [answer["value"] for answer in answers]

    @property
    def url(self) -> str:
        return self.lake.address(TABLE)


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Official]:
    place = tmp_path_factory.mktemp("surface")
    write_history(place / "orders")
    write_deltalake(place / "plain", pa.table({"id": [1, 2, 3]}))
    tables = {
        TABLE: place / "orders",
        "lake.retail.plain": place / "plain",
        "lake.wholesale.plain": place / "plain",
        "pond.retail.plain": place / "plain",
    }
    with served(place, tables) as lake:
        yield Official(lake, place)


def rows(expected: list[tuple]) -> list[str]:
    return sorted(repr(row) for row in expected)


def test_lists_what_is_shared(official: Official):
    profile = str(official.lake.profile_file)
    shares, schemas, tables, everything = official.values(
        ("list_shares", {"profile": profile}),
        ("list_schemas", {"profile": profile, "share": "LAKE"}),
        ("list_tables", {"profile": profile, "share": "lake", "schema": "Retail"}),
        ("list_all_tables", {"profile": profile}),
    )
    assert shares == ["lake", "pond"]
    assert schemas == ["retail", "wholesale"]
    assert tables == ["lake.retail.orders", "lake.retail.plain"]
    assert everything == [*tables, "lake.wholesale.plain", "pond.retail.plain"]


def test_tells_versions_by_time(official: Official):
    moments = [None, at(0, -1000), at(0), at(0, 1), at(3), at(4, 23), at(5)]
    found = official.values(*[("version", {"url": official.url, "starting_timestamp": moment}) for moment in moments])
    assert found == [5, 0, 0, 1, 3, 5, 5]


@BOTH_FORMATS
def test_tells_protocol_and_metadata(official: Official, delta: bool):
    version, found = official.values(
        ("protocol", {"url": official.url, "use_delta_format": delta}),
        ("metadata", {"url": official.url, "use_delta_format": delta}),
    )
    assert version == 1
    assert [(field["name"], field["type"]) for field in found["schema"]["fields"]] == [
        ("id", "long"),
        ("region", "string"),
        ("note", "string"),
    ]
    assert found["partition_columns"] == ["region"]


@BOTH_FORMATS
def test_reads_every_version_by_number_and_by_time(official: Official, delta: bool):
    moments = [
        (version, moment)
        for version in VERSIONS
        for moment in ({"version": version}, {"timestamp": at(version)}, {"timestamp": at(version, 23)})
        if moment != {"timestamp": at(5, 23)}  # later than the newest
    ]
    common = {"url": official.url, "use_delta_format": delta}
    found = official.values(*[("rows", {**common, **moment}) for _, moment in moments])
    for (version, moment), value in zip(moments, found, strict=True):
        assert value["rows"] == rows(VERSIONS[version]), moment
    assert {tuple(value["columns"]) for value in found} == {("id", "region", "note")}


@BOTH_FORMATS
def test_reads_in_batches_and_with_a_limit(official: Official, delta: bool):
    common = {"url": official.url, "use_delta_format": delta}
    batches, none, three, more = official.values(
        ("rows", {**common, "convert_in_batches": True}),
        ("rows", {**common, "limit": 0}),
        ("rows", {**common, "limit": 3}),
        ("rows", {**common, "limit": 1000}),
    )
    assert batches["rows"] == more["rows"] == rows(VERSIONS[5])
    assert none == {"columns": ["id", "region", "note"], "rows": []}
    assert len(three["rows"]) == 3
    assert set(three["rows"]) <= set(rows(VERSIONS[5]))


@BOTH_FORMATS
def test_json_hints_leave_files_out(official: Official, delta: bool):
    hint = {
        "op": "equal",
        "children": [
            {"op": "column", "name": "region", "valueType": "string"},
            {"op": "literal", "value": "EMEA", "valueType": "string"},
        ],
    }
    common = {"url": official.url, "use_delta_format": delta}
    hinted, broken = official.values(
        ("rows", {**common, "jsonPredicateHints": json.dumps(hint)}),
        ("rows", {**common, "jsonPredicateHints": "not a hint"}),
    )
    assert hinted["rows"] == rows([row for row in VERSIONS[5] if row[1] == "EMEA"])
    assert broken["rows"] == rows(VERSIONS[5])


RANGES = [
    ({"starting_version": 0}, 0, 5),
    ({"starting_version": 2}, 2, 5),
    ({"starting_version": 1, "ending_version": 3}, 1, 3),
    ({"starting_version": 4, "ending_version": 4}, 4, 4),
    ({"starting_timestamp": at(0)}, 0, 5),
    ({"starting_timestamp": at(1, 1), "ending_timestamp": at(3, 1)}, 2, 3),
    ({"starting_version": 1, "ending_timestamp": at(2)}, 1, 2),
    ({"starting_timestamp": at(3), "ending_version": 5}, 3, 5),
]


@BOTH_FORMATS
@pytest.mark.parametrize("in_batches", [False, True])
def test_reads_changes_by_version_and_by_time(official: Official, delta: bool, in_batches: bool):
    common = {"url": official.url, "use_delta_format": delta, "convert_in_batches": in_batches}
    found = official.values(*[("changes", {**common, **limits}) for limits, *_ in RANGES])
    for (limits, first, last), value in zip(RANGES, found, strict=True):
        expected = [
            (*change, (START + timedelta(days=change[-1])).replace(tzinfo=None).isoformat())
            for change in CHANGES
            if first <= change[-1] <= last
        ]
        assert value["rows"] == rows(expected), limits
        assert value["columns"] == ["id", "region", "note", "_change_type", "_commit_version", "_commit_timestamp"]


@pytest.mark.parametrize(
    ("call", "arguments", "message"),
    [
        ("rows", {"version": 6}, "6"),
        ("rows", {"version": 0, "timestamp": at(0)}, "version"),
        ("rows", {"timestamp": "yesterday"}, "yesterday"),
        ("rows", {"timestamp": at(0, -1)}, "2023-12-31"),
        ("changes", {"starting_version": 3, "ending_version": 1}, "3"),
        ("changes", {"starting_version": 9}, "9"),
        ("changes", {}, "startingVersion"),
        ("version", {"starting_timestamp": at(5, 1)}, "2024-01-06"),
        ("version", {"starting_timestamp": "yesterday"}, "yesterday"),
    ],
)
def test_what_cannot_be_answered_is_said_at_once(official: Official, call: str, arguments: dict, message: str):
    ((answer),) = official((call, {"url": official.url, **arguments}))
    assert "400" in answer["error"]
    assert "INVALID_PARAMETER_VALUE" in answer["error"]
    assert message in answer["error"]


def test_changes_of_a_table_that_records_none_are_refused(official: Official):
    url = official.lake.address("lake.retail.plain")
    ((answer),) = official(("changes", {"url": url, "starting_version": 0}))
    assert "INVALID_PARAMETER_VALUE" in answer["error"]
    assert "change data feed" in answer["error"]


def test_what_is_absent_is_a_404(official: Official):
    answers = official(*[("rows", {"url": official.lake.address(name)}) for name in ("lake.retail.no", "no.retail.no")])
    assert all("RESOURCE_DOES_NOT_EXIST" in answer["error"] for answer in answers)


@pytest.mark.skipif(os.environ.get("LAKESHARE_GOLDEN", "absent") == "absent", reason="LAKESHARE_GOLDEN names no tables")
def test_change_feeds_of_the_golden_tables_are_what_the_kernel_reads_from_them(tmp_path: Path):
    feeds = [table for table in golden_tables() if records_changes(table.table_dir)]
    assert feeds
    names = {table.name: f"golden.g.{table.name.replace('-', '_')}" for table in feeds}
    with served(tmp_path, {names[table.name]: table.table_dir for table in feeds}) as lake:
        official = Official(lake, tmp_path)
        for table in feeds:
            end = DeltaTable(table.table_dir).version()
            expected, found = official.values(
                ("kernel_changes", {"table": str(table.table_dir), "start": 0, "end": end}),
                ("changes", {"url": lake.address(names[table.name]), "starting_version": 0, "use_delta_format": True}),
            )
            assert expected["rows"]
            assert found == expected, table.name


def records_changes(table: Path) -> bool:
    """Whether the log turns the change feed on in its first version."""
    first = table / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in first.read_text().splitlines() if line] if first.exists() else []
    settings = [line["metaData"].get("configuration", {}) for line in lines if "metaData" in line]
    return any(setting.get("delta.enableChangeDataFeed") == "true" for setting in settings)
