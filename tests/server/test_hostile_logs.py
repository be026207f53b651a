"""Logs that name what is not theirs: whoever may write a table's log must not make the server hand out other files."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import polars as pl
import pytest

from provider import Provider
from samples.delta import Action, add, metadata, protocol, remove, write_checkpoint, write_delta_log

URL = "/delta-sharing/shares/sales/schemas/retail/tables/hostile"
CAPABILITIES = "responseformat=delta;readerfeatures=deletionvectors,columnmapping,timestampntz,v2checkpoint"
SECRET = "customers-of-a-neighbour"
Request = tuple[str, str, Mapping[str, Any]]
SNAPSHOT: Request = ("POST", "/query", {})
PAGE: Request = ("POST", "/query", {"maxFiles": 1})
TRAVEL: Request = ("POST", "/query", {"version": 1})
STREAM: Request = ("POST", "/query", {"startingVersion": 0})
CHANGES: Request = ("GET", "/changes", {"startingVersion": 0})

OUTSIDE = {
    "an absolute path": "/etc/passwd",
    "a file URI": "file:///etc/passwd",
    "a file URI with one slash": "file:/etc/passwd",
    "a file URI of localhost": "FILE://localhost/etc/passwd",
    "a file URI of another host": "file://elsewhere/etc/passwd",
    "two slashes": "//etc/passwd",
    "another bucket": "s3://other-bucket/secret.parquet",
    "another bucket in capitals": "S3A://other-bucket/secret.parquet",
    "another cloud": "abfss://other-bucket@elsewhere.dfs.core.windows.net/secret.parquet",
    "the web": "https://other-bucket.example/secret.parquet",
    "a step up": "../customers/secret.parquet",
    "steps up from within": "region=EMEA/../../customers/secret.parquet",
    "many steps up": "../" * 30 + "etc/passwd",
    "an encoded step up": "%2e%2e/customers/secret.parquet",
    "a half-encoded step up": ".%2E/customers/secret.parquet",
    "an encoded slash": "..%2fcustomers%2fsecret.parquet",
    "an encoded absolute path": "file:///%65tc/passwd",
    "a neighbour by its absolute path": "{lake}/customers/secret.parquet",
    "a neighbour by its URI": "file://{lake}/customers/secret.parquet",
    "a directory whose name begins alike": "{lake}/hostile-customers/secret.parquet",
    "a step up to a name that begins alike": "../hostile-customers/secret.parquet",
    "the lake itself": "..",
    "NUL": "secret%00.parquet",
}
"""Each leads out of the table's root, or nowhere; `{lake}` is the directory above the root."""

INSIDE = {
    "an encoded slash in front": "%2Fetc%2Fpasswd",
    "a URI whose colon is encoded": "file%3A///etc/passwd",
    "a step up that is encoded twice": "%252e%252e/customers/secret.parquet",
    "backslashes": "..\\customers\\secret.parquet",
    "a symlink to a file": "link.parquet",
    "a symlink to a directory": "linked/secret.parquet",
}
"""Decoded once, each is a name below the root: it may be listed, but nothing that lies elsewhere comes with its URL."""


@pytest.fixture
def lake(provider: Provider) -> Path:
    """A table's place with neighbours whose files hold a secret."""
    for neighbour in ("customers", "hostile-customers"):
        (provider.lake / neighbour).mkdir(parents=True)
        pl.DataFrame({"id": [SECRET]}).write_parquet(provider.lake / neighbour / "secret.parquet")
    hostile = provider.lake / "hostile"
    hostile.mkdir()
    (hostile / "link.parquet").symlink_to(provider.lake / "customers" / "secret.parquet")
    (hostile / "linked").symlink_to(provider.lake / "customers")
    return provider.lake


def beginning() -> list[Action]:
    features = protocol(3, 7, features=["deletionVectors", "v2Checkpoint"])
    features["protocol"]["writerFeatures"].append("changeDataFeed")
    return [features, metadata(configuration={"delta.enableChangeDataFeed": "true"}), add("honest-0.parquet")]


def vector(storage_type: str, place: str) -> dict[str, Any]:
    return {"storageType": storage_type, "pathOrInlineDv": place, "offset": 1, "sizeInBytes": 36, "cardinality": 1}


def change(path: str) -> Action:
    return {"cdc": {"path": path, "partitionValues": {}, "size": 1, "dataChange": False}}


async def ask(provider: Provider, *requests: Request) -> list[httpx.Response]:
    """Share the table and send requests as its recipient."""
    await provider.share("sales", "retail.hostile", provider.lake / "hostile", history=True)
    token = await provider.recipient("partner", "sales")
    headers = {"authorization": f"Bearer {token}", "delta-sharing-capabilities": CAPABILITIES}
    answers = []
    for method, path, values in requests:
        body = {"json": values} if method == "POST" else {"params": values}
        answers.append(await provider.client.request(method, URL + path, headers=headers, **body))
    return answers


async def assert_refused(provider: Provider, *requests: Request) -> None:
    """Refused as a broken table, by the name that the recipient knows, and without a word of any path."""
    for request, answer in zip(requests, await ask(provider, *requests), strict=True):
        assert answer.status_code == 400, (request, answer.text)
        assert answer.json()["errorCode"] == "TABLE_UNREADABLE"
        message = answer.json()["message"]
        assert "sales.retail.hostile" in message
        for word in ("passwd", "secret", "customers", "other-bucket", str(provider.lake), "_delta_log", "sidecar"):
            assert word not in message.replace("sales.retail.hostile", "")


def spelled(path: str, lake: Path) -> str:
    return path.replace("{lake}", str(lake))


@pytest.mark.parametrize("path", OUTSIDE.values(), ids=OUTSIDE.keys())
class TestOutside:
    async def test_a_data_file_is_refused(self, provider: Provider, lake: Path, path: str):
        write_delta_log(lake / "hostile", [beginning(), [add(spelled(path, lake))]])
        await assert_refused(provider, SNAPSHOT, PAGE, STREAM, CHANGES)

    async def test_a_data_file_of_the_past_is_refused(self, provider: Provider, lake: Path, path: str):
        hostile = spelled(path, lake)
        write_delta_log(lake / "hostile", [beginning(), [add(hostile)], [remove(hostile), add("honest-2.parquet")]])
        await assert_refused(provider, TRAVEL, STREAM)

    async def test_a_deletion_vector_is_refused(self, provider: Provider, lake: Path, path: str):
        actions = [add("honest-1.parquet", deletion_vector=vector("p", spelled(path, lake)))]
        write_delta_log(lake / "hostile", [beginning(), actions])
        await assert_refused(provider, SNAPSHOT, STREAM, CHANGES)

    async def test_a_change_file_is_refused(self, provider: Provider, lake: Path, path: str):
        write_delta_log(lake / "hostile", [beginning(), [add("honest-1.parquet"), change(spelled(path, lake))]])
        await assert_refused(provider, CHANGES)

    async def test_a_removed_file_is_refused_among_changes(self, provider: Provider, lake: Path, path: str):
        write_delta_log(lake / "hostile", [beginning(), [remove(spelled(path, lake))]])
        await assert_refused(provider, CHANGES)

    async def test_a_sidecar_is_refused(self, provider: Provider, lake: Path, path: str):
        hostile = lake / "hostile"
        write_delta_log(hostile, [beginning()])
        top, *_ = write_checkpoint(hostile, 0, beginning(), "v2-json")
        sidecar = {"path": spelled(path, lake), "sizeInBytes": 1, "modificationTime": 0}
        top.write_text(top.read_text() + "\n" + json.dumps({"sidecar": sidecar}) + "\n")
        (hostile / "_delta_log" / f"{0:020}.json").unlink()
        await assert_refused(provider, SNAPSHOT)


@pytest.mark.parametrize("prefix", ["../../customers/", "..%2f..%2fcustomers", "/etc/", "file:///etc/", "a/../../../"])
async def test_a_relative_deletion_vector_whose_prefix_leads_out_is_refused(
    provider: Provider, lake: Path, prefix: str
):
    actions = [add("honest-1.parquet", deletion_vector=vector("u", prefix + "vBn[lx{q8@P<9BNH/isA"))]
    write_delta_log(lake / "hostile", [beginning(), actions])
    await assert_refused(provider, SNAPSHOT, STREAM, CHANGES)


@pytest.mark.parametrize("path", INSIDE.values(), ids=INSIDE.keys())
async def test_a_name_below_the_root_gives_nothing_that_lies_elsewhere(provider: Provider, lake: Path, path: str):
    write_delta_log(lake / "hostile", [beginning(), [add(path), change(path)]])
    for answer in await ask(provider, SNAPSHOT, STREAM, CHANGES):
        assert answer.status_code == 200, answer.text
        listed = [
            action["path"]
            for line in answer.text.splitlines()
            for action in json.loads(line).get("file", {}).get("deltaSingleAction", {}).values()
        ]
        assert len(listed) >= 2
        for url in listed:
            parts = urlsplit(url)
            file = await provider.client.get(f"{parts.path}?{parts.query}")
            assert file.status_code == 404, url
            assert SECRET not in file.text


async def test_a_sidecar_that_is_a_symlink_is_refused(provider: Provider, lake: Path):
    hostile = lake / "hostile"
    write_delta_log(hostile, [beginning()])
    _, *sidecars = write_checkpoint(hostile, 0, beginning(), "v2-json")
    place = lake / "customers" / "sidecar.parquet"
    sidecars[0].rename(place)
    sidecars[0].symlink_to(place)
    (hostile / "_delta_log" / f"{0:020}.json").unlink()
    await assert_refused(provider, SNAPSHOT)


async def test_a_commit_that_is_a_symlink_is_refused(provider: Provider, lake: Path):
    write_delta_log(lake / "hostile", [beginning(), [add("honest-1.parquet")]])
    commit = lake / "hostile" / "_delta_log" / f"{1:020}.json"
    commit.rename(lake / "customers" / "commit.json")
    commit.symlink_to(lake / "customers" / "commit.json")
    await assert_refused(provider, SNAPSHOT)
