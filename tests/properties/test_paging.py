"""Pages put together are the unpaged answer, however they are cut: snapshots, streams and changes, in both formats."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from properties.conftest import Provider
from properties.random_tables import random_tables
from properties.random_vectors import vector_tables

Ask = Callable[[dict[str, Any]], list[dict[str, Any]]]


# No shrinking: it would write thousands of tables, and what fails is readable as it is.
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    table=random_tables,
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    response_format=st.sampled_from(["parquet", "delta"]),
    hint=st.sampled_from([[], ["small >= 0"], ["ok = TRUE"]]),
)
def test_random_pages_are_the_unpaged_answer(provider: Provider, table, sizes, response_format, hint):
    shared = provider.share(replace(table, wall=response_format == "delta"))

    def query(body: dict[str, Any]) -> list[dict[str, Any]]:
        return shared.query(body, response_format)

    def changes(params: dict[str, Any]) -> list[dict[str, Any]]:
        return shared.changes(params, response_format)

    for ask, request in (
        (query, {"predicateHints": hint}),
        (query, {"version": len(table.commits) - 1}),
        (query, {"startingVersion": 0}),
        (changes, {"startingVersion": 0}),
    ):
        whole = [stripped(line) for line in ask(request)]
        assert paged(ask, request, sizes) == whole


# No shrinking, as above.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=vector_tables, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_random_pages_of_files_with_vectors_are_the_unpaged_answer(provider: Provider, table, sizes):
    shared = provider.share(table)

    def query(body: dict[str, Any]) -> list[dict[str, Any]]:
        return shared.query(body, "delta")

    def changes(params: dict[str, Any]) -> list[dict[str, Any]]:
        return shared.changes(params, "delta")

    since = table.first_version
    for ask, request in (
        (query, {"predicateHints": ["small >= 0"]}),
        (query, {"version": since}),
        (query, {"startingVersion": 0, "includeHistoricalProtocol": True}),
        (changes, {"startingVersion": since}),
        (changes, {"startingVersion": 0, "includeHistoricalMetadata": "true"}),
    ):
        whole = [stripped(line) for line in ask(request)]
        assert paged(ask, request, sizes) == whole


def paged(ask: Ask, request: dict[str, Any], sizes: list[int]) -> list[dict[str, Any]]:
    """The pages' lines as one answer; `sizes` are the pages' sizes, in turn."""
    lines: list[dict[str, Any]] = []
    token: str | None = None
    number = 0
    known: set[tuple[int | None, str]] = set()
    while number == 0 or token is not None:
        size = sizes[number % len(sizes)]
        *page, end = ask({**request, "maxFiles": size} | ({"pageToken": token} if token else {}))
        files = [file_of(line) for line in page if not is_header(line)]
        assert len(files) <= size or len(set(files)) == 1
        assert known.isdisjoint(files), "the actions of one file are parted: clients pair them by their URL"
        known.update(files)
        assert number == 0 or files, "a page without a file"
        token = end["endStreamAction"].get("nextPageToken")
        lines += [stripped(line) for line in page if number == 0 or not (is_header(line) and stripped(line) in lines)]
        number += 1
        assert number < 1000
    return lines


def file_of(line: dict[str, Any]) -> tuple[int | None, str]:
    """The version and the path that an action is about."""
    (told,) = line.values()
    version = told.get("version")
    if "deltaSingleAction" in told:
        (told,) = told["deltaSingleAction"].values()
    url: str = stripped(told.get("url") or told["path"])
    return version, url


def is_header(line: dict[str, Any]) -> bool:
    return "protocol" in line or "metaData" in line


def stripped(value: Any) -> Any:
    """What does not depend on when it was asked: URLs without their signatures, no expiry."""
    if isinstance(value, dict):
        return {key: stripped(item) for key, item in value.items() if key != "expirationTimestamp"}
    if isinstance(value, str) and value.startswith("http://"):
        return value.partition("?")[0]
    return value
