"""What is told of files with deletion vectors is the rows that are left: random tables through the real server."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from journeys.test_official_client import official
from lakeshare.protocol.profile import encode_profile
from properties.conftest import Provider, SharedTable
from properties.random_predicates import random_predicates
from properties.random_vectors import vector_tables
from samples.deletion_vectors import read_log

# No shrinking: it would write thousands of tables, and what fails is readable as it is.
SOME = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@SOME
@given(st.data())
def test_every_file_with_a_live_matching_row_is_returned(provider: Provider, data: st.DataObject):
    table = data.draw(vector_tables)
    predicates = data.draw(st.lists(random_predicates(table.table), min_size=1, max_size=8))
    shared = provider.share(table)
    rows_of = {file["path"].partition("?")[0]: shared.live_row_ids(file) for file in files_told(shared, {})}
    live = set(shared.rows["row_id"])
    assert sorted(row_id for row_ids in rows_of.values() for row_id in row_ids) == sorted(live)

    def rows_left(body: dict[str, Any]) -> set[int]:
        return {row_id for file in files_told(shared, body) for row_id in rows_of[file["path"].partition("?")[0]]}

    for limit in range(len(live) + 2):
        assert len(rows_left({"limitHint": limit})) >= min(limit, len(live))
    for predicate in predicates:
        wanted = set(shared.rows.filter(predicate.expression)["row_id"])
        bodies: list[dict[str, Any]] = [{"predicateHints": [predicate.sql]}]
        if predicate.json_hint is not None:
            bodies.append({"jsonPredicateHints": predicate.json_hint})
        for body in bodies:
            assert wanted <= rows_left(body), body


@SOME
@given(table=vector_tables)
def test_every_version_has_the_rows_that_were_left_then(provider: Provider, table):
    shared = provider.share(table)
    for version, live in enumerate(table.live_row_ids, table.first_version - 1):
        assert rows_told(shared, {"version": version}) == sorted(live)


@SOME
@given(table=vector_tables)
def test_changes_pair_into_the_rows_that_each_commit_deleted(provider: Provider, table):
    shared = provider.share(table)
    states = table.live_row_ids
    for ask in (shared.changes, shared.query):
        told = ask({"startingVersion": table.first_version}, "delta")
        for version, (before, after) in enumerate(pairwise(states), table.first_version):
            removed, added = (files_of(told, version, kind) for kind in ("remove", "add"))
            assert set(added) <= set(removed), "each file was there before"
            gone = sorted(
                row_id
                for path, file in removed.items()
                for row_id in set(shared.live_row_ids(file)) - set(left_of(shared, added.get(path)))
            )
            back = sorted(
                row_id
                for path, file in added.items()
                for row_id in set(shared.live_row_ids(file)) - set(shared.live_row_ids(removed[path]))
            )
            assert (gone, back) == (sorted(before - after), sorted(after - before))


@SOME
@given(table=vector_tables, wall=st.sampled_from([False, False, True]))
def test_parquet_format_is_for_versions_without_vectors(provider: Provider, table, wall):
    shared = provider.share(replace(table, table=replace(table.table, wall=wall)))
    for version, live in enumerate(table.live_row_ids, table.first_version - 1):
        has_vectors = read_log(shared.location, version).has_vectors
        answer = shared.try_query({"version": version}, "parquet")
        either = shared.try_query({"version": version}, "parquet,delta")
        assert either.status_code == 200, either.text
        if wall or has_vectors:
            assert (answer.status_code, answer.json()["errorCode"]) == (400, "UNSUPPORTED_TABLE_FEATURE")
            assert ("deletionVectors" in answer.json()["message"]) == has_vectors
            assert either.headers["delta-sharing-capabilities"] == "responseformat=delta"
        else:
            lines = shared.query({"version": version}, "parquet")
            assert set().union(*(shared.row_ids(line["file"]["url"]) for line in lines if "file" in line)) == live
            assert either.headers["delta-sharing-capabilities"] == "responseformat=parquet"


@settings(SOME, max_examples=2)
@given(tables=st.lists(vector_tables, min_size=8, max_size=8))
def test_the_official_client_reads_the_rows_that_are_left(provider: Provider, tmp_path_factory, tables):
    """By their ids: other numbers beside a null are floats in pandas."""
    place = tmp_path_factory.mktemp("official")
    requests = []
    for number, table in enumerate(tables):
        shared = provider.share(table)
        profile, expected = place / f"{number}.share", place / f"expected{number}"
        profile.write_bytes(encode_profile(shared.profile))
        expected.mkdir()
        shared.rows.select("row_id").write_parquet(expected / "rows.parquet")
        url = f"{profile}#{shared.name}"
        requests.append({"url": url, "delta": True, "expected": str(expected), "columns": ["row_id"]})
    assert [answer for answer in official(requests, place) if not answer["equal"]] == []


def rows_told(shared: SharedTable, body: dict[str, Any]) -> list[int]:
    """The rows that an answer in delta format tells of a version, ascending."""
    return sorted(row_id for file in files_told(shared, body) for row_id in shared.live_row_ids(file))


def files_told(shared: SharedTable, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The files of a version in delta format."""
    return [line["file"]["deltaSingleAction"]["add"] for line in shared.query(body, "delta") if "file" in line]


def files_of(lines: list[dict[str, Any]], version: int, kind: str) -> dict[str, dict[str, Any]]:
    """The files that a version removed or added, by their paths."""
    files = [line["file"] for line in lines if "file" in line and line["file"]["version"] == version]
    actions = [file["deltaSingleAction"][kind] for file in files if kind in file["deltaSingleAction"]]
    found = {action["path"].partition("?")[0]: action for action in actions}
    assert len(found) == len(actions)
    return found


def left_of(shared: SharedTable, file: dict[str, Any] | None) -> list[int]:
    return [] if file is None else shared.live_row_ids(file)
