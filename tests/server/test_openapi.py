"""The OpenAPI description: it covers every route, and the server does what it says, whatever it is sent."""

import json
from collections.abc import Iterator

import msgspec
import polars as pl
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lakeshare.protocol.actions import DeltaLine, Line
from lakeshare.server.openapi import OPERATIONS, describe
from lakeshare.server.sharing import ENDPOINTS, PREFIX
from provider import Provider, orders
from served import Served, served

ROUTES = [(method, path) for method, path, *_ in ENDPOINTS]
REAL = {
    "share": "sales",
    "schema": "retail",
    "table": "orders",
    "version": 1,
    "startingVersion": 0,
    "endingVersion": 1,
    "timestamp": "2100-01-01T00:00:00Z",
    "delta-sharing-capabilities": "responseformat=delta;readerfeatures=deletionvectors;includeendstreamaction=true",
    "queryId": "00000000-0000-0000-0000-000000000000",
}
"""Values that lead somewhere; every parameter is one of these as often as it is anything else."""


def test_describes_every_route_and_no_other():
    assert set(OPERATIONS) == set(ROUTES)


@pytest.mark.parametrize("endpoint", ROUTES, ids=" ".join)
def test_a_route_without_an_entry_would_be_noticed(endpoint):
    assert describe([endpoint])["paths"]
    with pytest.raises(KeyError):
        describe([(endpoint[0], endpoint[1] + "/unheard-of")])


async def test_is_served_to_everybody(provider: Provider):
    answer = await provider.client.get(f"{PREFIX}/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert "max-age" in answer.headers["cache-control"]
    assert answer.json() == json.loads(json.dumps(describe(ROUTES)))


def test_every_parameter_of_a_path_is_described():
    for path, operations in describe(ROUTES)["paths"].items():
        for operation in operations.values():
            described = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert described == {part[1:-1] for part in path.split("/") if part.startswith("{")}
            assert {"200", "401", "500"} <= set(operation["responses"])


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Iterator[Served]:
    place = tmp_path_factory.mktemp("openapi")
    for start in (0, 50):
        orders()[start : start + 50].write_delta(
            place / "orders", mode="append", delta_write_options={"partition_by": ["region"]}
        )
    pl.DataFrame({"customer_id": [1, 2, 3]}).write_delta(place / "customers")
    tables = {"sales.retail.orders": place / "orders", "sales.retail.customers": place / "customers"}
    with served(place, tables) as lake:
        yield lake


def aimed() -> dict:
    """The description, with parameters that often hit what the fixture shares."""
    document = describe(ROUTES)
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation["parameters"]:
                if parameter["name"] in REAL:
                    hit = {"const": REAL[parameter["name"]]}
                    parameter["schema"] = {"anyOf": [hit, parameter["schema"]]}
    return document


API = schemathesis.openapi.from_dict(aimed())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@API.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_server_does_what_the_description_says(case: schemathesis.Case, lake: Served):
    answer = case.call(base_url=lake.server.endpoint, headers=lake.headers)
    case.validate_response(answer, checks=CHECKS)
    if answer.status_code == 200 and answer.headers.get("content-type", [""])[0].startswith("application/x-ndjson"):
        capabilities = answer.headers["delta-sharing-capabilities"][0]
        kind = DeltaLine if "responseformat=delta" in capabilities else Line
        for line in answer.content.split(b"\n")[:-1]:
            assert len(json.loads(line)) == 1
            msgspec.json.decode(line, type=kind)
