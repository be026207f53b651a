"""One real server for a module's random tables, each shared with a recipient of its own."""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
import polars as pl
import pytest

from lakeshare.datafiles.deletion_vectors import FRAME_BYTES, deleted_rows
from lakeshare.protocol.actions import DeletionVector
from lakeshare.protocol.profile import Profile
from properties.random_tables import RandomTable
from properties.random_vectors import VectorTable
from running import RunningServer, running_server
from served import share_tables

FEATURES = "deletionvectors,columnmapping,timestampntz"


@dataclass(frozen=True)
class SharedTable:
    """A table as its recipient reads it."""

    rows: pl.DataFrame
    location: Path
    name: str
    profile: Profile
    client: httpx.Client
    url: str

    def query(self, body: Mapping[str, Any], response_format: str = "parquet") -> list[dict[str, Any]]:
        """The lines of an answer."""
        return _lines(self.try_query(body, response_format))

    def try_query(self, body: Mapping[str, Any], response_format: str) -> httpx.Response:
        return self.client.post(f"{self.url}/query", json=dict(body), headers=self._headers(response_format))

    def changes(self, params: Mapping[str, Any], response_format: str = "parquet") -> list[dict[str, Any]]:
        answer = self.client.get(f"{self.url}/changes", params=dict(params), headers=self._headers(response_format))
        return _lines(answer)

    def row_ids(self, url: str) -> set[int]:
        """The rows of a file that the answer names."""
        return set(self._all_row_ids(url))

    def live_row_ids(self, file: Mapping[str, Any]) -> list[int]:
        """The rows that an action of delta format leaves of its file: those that its deletion vector does not name."""
        row_ids = self._all_row_ids(file["path"])
        vector = msgspec.convert(file.get("deletionVector"), DeletionVector | None)
        if vector is None:
            return row_ids
        deleted = set(deleted_rows(vector, self._stored(vector)))
        assert deleted <= set(range(len(row_ids)))
        return [row_id for row, row_id in enumerate(row_ids) if row not in deleted]

    def _all_row_ids(self, url: str) -> list[int]:
        answer = self.client.get(url)
        assert answer.status_code == 200, answer.text
        return pl.read_parquet(answer.content, columns=["row_id"])["row_id"].to_list()

    def _stored(self, vector: DeletionVector) -> bytes:
        if vector.storage_type == "i":
            return b""
        assert vector.storage_type == "p"
        assert vector.offset is not None
        end = vector.offset + vector.size_in_bytes + FRAME_BYTES
        answer = self.client.get(vector.path_or_inline_dv, headers={"range": f"bytes={vector.offset}-{end - 1}"})
        assert answer.status_code == 206, answer.text
        return answer.content

    def _headers(self, response_format: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.profile.bearer_token}",
            "delta-sharing-capabilities": f"responseformat={response_format};readerfeatures={FEATURES}",
        }


def _lines(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    text = answer.content.decode()
    lines = text.split("\n")
    assert lines == [*text.splitlines(), ""], "a client that takes U+2028 for the end of a line would break"
    return [json.loads(line) for line in lines[:-1]]


@dataclass
class Provider:
    server: RunningServer
    place: Path
    client: httpx.Client
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def share(self, table: RandomTable | VectorTable) -> SharedTable:
        number = next(self.numbers)
        location = self.place / f"table{number}"
        rows = table.write(location)
        name = f"share{number}.random.table"
        profile = share_tables(self.server, f"recipient{number}", {name: location})
        url = f"{self.server.endpoint}/shares/share{number}/schemas/random/tables/table"
        return SharedTable(rows, location, name, profile, self.client, url)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Provider]:
    place = tmp_path_factory.mktemp("random")
    with running_server(place / "home") as server, httpx.Client(timeout=60) as client:
        yield Provider(server, place, client)
