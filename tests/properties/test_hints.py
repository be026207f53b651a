"""A hint never drops a file that holds a matching row: random tables and predicates through the real server."""

from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from properties.conftest import Provider
from properties.random_predicates import random_predicates
from properties.random_tables import random_tables, url_of


# No shrinking: it would write thousands of tables, and what fails is readable as it is.
@settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_every_file_with_a_matching_row_is_returned(provider: Provider, data: st.DataObject):
    table = data.draw(random_tables)
    predicates = data.draw(st.lists(random_predicates(table), min_size=1, max_size=12))
    shared = provider.share(table)
    rows_of = {}
    for line in shared.query({}, "delta"):
        if url := url_of(line):
            rows_of[_path(url)] = shared.row_ids(url)
    assert set().union(*rows_of.values()) == set(shared.rows["row_id"])
    for predicate in predicates:
        wanted = set(shared.rows.filter(predicate.expression)["row_id"])
        bodies = [{"predicateHints": [predicate.sql]}]
        if predicate.json_hint is not None:
            bodies.append({"jsonPredicateHints": predicate.json_hint})
        for body in bodies:
            files = [url for line in shared.query(body, "delta") if (url := url_of(line))]
            given = set().union(*(rows_of[_path(url)] for url in files))
            assert wanted <= given, body


def _path(url: str) -> str:
    return url.partition("?")[0]
