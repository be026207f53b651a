"""What the tests of queries share: a table with a history, and answers taken apart."""

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import polars as pl
from deltalake import DeltaTable

from lakeshare.server.sharing import PREFIX
from provider import Provider

CDF = {"delta.enableChangeDataFeed": "true"}
FORMATS = ("parquet", "delta")
VERSION_SECONDS = 3600
"""How long after the one before each version of `write_history` was committed."""

FIRST_COMMIT = 1_700_000_000
"""Epoch seconds of version 0."""


def write_history(place: Path) -> None:
    """A table of numbers with a change data feed, partitioned by parity, one hour from version to version.

    0 to 2 each append ten numbers, 3 deletes the numbers under 5 (which is recorded in change files), 4 adds a column
    with ten numbers more, 5 rewrites without changing data.
    """
    for start in (0, 10, 20):
        numbers(start).write_delta(
            place, mode="append", delta_write_options={"partition_by": ["parity"], "configuration": CDF}
        )
    DeltaTable(place).delete("number < 5")
    numbers(30).with_columns(half=pl.col("number") / 2).write_delta(
        place, mode="append", delta_write_options={"schema_mode": "merge", "configuration": CDF}
    )
    DeltaTable(place).optimize.compact()
    set_times(place)


def numbers(start: int, count: int = 10) -> pl.DataFrame:
    values = range(start, start + count)
    return pl.DataFrame({"number": values, "parity": ["odd" if value % 2 else "even" for value in values]})


def set_times(place: Path) -> None:
    """Let the commits of a table be an hour apart."""
    for number, commit in enumerate(sorted((place / "_delta_log").glob("*.json"))):
        moment = FIRST_COMMIT + number * VERSION_SECONDS
        os.utime(commit, (moment, moment))


def at(version: float) -> str:
    """The timestamp of a version, or of a moment between two."""
    moment = datetime.fromtimestamp(FIRST_COMMIT + version * VERSION_SECONDS, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Lines:
    """An answer, taken apart. `files` are (action, file line) in order; `end` is the EndStreamAction."""

    answer: httpx.Response
    protocol: dict
    metadata: dict
    rest: list[dict]

    @property
    def version(self) -> int:
        return int(self.answer.headers["delta-table-version"])

    @property
    def end(self) -> dict | None:
        return self.rest[-1].get("endStreamAction") if self.rest else None

    @property
    def files(self) -> list[tuple[str, dict]]:
        found = []
        for line in self.rest:
            ((kind, value),) = line.items()
            if kind == "file" and "deltaSingleAction" in value:
                ((kind, action),) = value["deltaSingleAction"].items()
                found.append(({"add": "add", "remove": "remove", "cdc": "cdf"}[kind], value | {"action": action}))
            elif kind in ("file", "add", "remove", "cdf"):
                found.append((kind, value))
        return found

    @property
    def history(self) -> list[tuple[str, int]]:
        """The protocol and metadata lines behind the first two, by their versions."""
        return [
            (kind, line[kind]["version"]) for line in self.rest for kind in ("protocol", "metaData") if kind in line
        ]

    def told(self) -> list[tuple[str, str, int | None]]:
        """Each file's action, id and version: what stays the same however an answer is cut."""
        return [(kind, file["id"], file.get("version")) for kind, file in self.files]


def lines_of(answer: httpx.Response) -> Lines:
    assert answer.status_code == 200, answer.text
    protocol, metadata, *rest = map(json.loads, answer.text.splitlines())
    return Lines(answer, protocol["protocol"], metadata["metaData"], rest)


@dataclass
class Reader:
    """One recipient of one table, in one format."""

    provider: Provider
    headers: dict[str, str]
    table: str = "numbers"
    share: str = "lab"

    @property
    def path(self) -> str:
        return f"{PREFIX}/shares/{self.share}/schemas/data/tables/{self.table}"

    def of(self, table: str) -> "Reader":
        return replace(self, table=table)

    def also(self, **headers: str) -> "Reader":
        return replace(self, headers={**self.headers, **headers})

    def understanding(self, capabilities: str) -> "Reader":
        return self.also(**{"delta-sharing-capabilities": capabilities})

    async def try_query(self, **body: object) -> httpx.Response:
        return await self.provider.client.post(f"{self.path}/query", json=body, headers=self.headers)

    async def query(self, **body: object) -> Lines:
        return lines_of(await self.try_query(**body))

    async def get(self, path: str, **params: object) -> httpx.Response:
        return await self.provider.client.get(f"{self.path}{path}", params=params, headers=self.headers)

    async def changes(self, **params: object) -> Lines:
        return lines_of(await self.get("/changes", **params))


def refusal(answer: httpx.Response, code: str = "INVALID_PARAMETER_VALUE") -> str:
    """The message of a 400."""
    assert answer.status_code == 400, answer.text
    assert answer.json()["errorCode"] == code
    message: str = answer.json()["message"]
    return message
