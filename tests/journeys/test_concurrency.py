"""Readers beside a busy writer: every answer is one version, complete, and its files are there to be fetched."""

import json
import random
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
from deltalake import DeltaTable

from journeys.busy_writer import main as write_rounds
from served import Served, served

TABLE = "lake.busy.orders"
ROUNDS = 120
READERS = 4


@dataclass(frozen=True)
class Listing:
    """What a reader was told: one version's files by name, with their sizes."""

    version: int
    files: dict[str, int]
    pages: int
    kind: str


class Reader:
    """Queries without end, in every way there is, until it is told to stop."""

    def __init__(self, lake: Served, seed: int, stop: threading.Event) -> None:
        self._lake = lake
        self._random = random.Random(seed)
        self._stop = stop
        self._newest = 0
        self._client = httpx.Client(timeout=60, headers=lake.headers)

    def run(self) -> list[Listing]:
        listings = []
        with self._client:
            while not self._stop.is_set() or len(listings) < 8:
                listings.append(self._read())
        return listings

    def _read(self) -> Listing:
        body: dict[str, Any] = {}
        if self._random.random() < 0.6:
            body["maxFiles"] = self._random.randint(1, 5)
        if self._random.random() < 0.3:
            body["version"] = self._random.randint(0, self._newest)
        capabilities = self._random.choice(["responseformat=parquet", "responseformat=delta"])
        version, lines = self._page(body, capabilities)
        files, pages = [], 1
        while True:
            files += [line["file"] for line in lines if "file" in line]
            token = next((line["endStreamAction"] for line in lines if "endStreamAction" in line), {}).get(
                "nextPageToken"
            )
            if token is None:
                break
            page_version, lines = self._page({**body, "pageToken": token}, capabilities)
            assert page_version == version
            pages += 1
        named = [name_and_size(file) for file in files]
        assert max(Counter(name for name, _ in named).values(), default=1) == 1, "a file came twice"
        if "version" in body:
            assert version == body["version"]
        else:
            assert version >= self._newest, "the table went back"
            self._newest = version
        self._fetch_one_of(files)
        return Listing(version, dict(named), pages, f"{body} {capabilities}")

    def _page(self, body: dict[str, Any], capabilities: str) -> tuple[int, list[dict]]:
        headers = {"delta-sharing-capabilities": capabilities}
        answer = self._client.post(f"{self._lake.table(TABLE)}/query", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert [next(iter(line)) for line in lines[:2]] == ["protocol", "metaData"]
        return int(answer.headers["delta-table-version"]), lines

    def _fetch_one_of(self, files: list[dict]) -> None:
        if files:
            file = self._random.choice(files)
            _, size = name_and_size(file)
            answer = self._client.get(url_of(file), headers={"authorization": ""})
            assert answer.status_code == 200
            assert len(answer.content) == size


def url_of(file: dict) -> str:
    url: str = file["deltaSingleAction"]["add"]["path"] if "deltaSingleAction" in file else file["url"]
    return url


def name_and_size(file: dict) -> tuple[str, int]:
    size = file["deltaSingleAction"]["add"]["size"] if "deltaSingleAction" in file else file["size"]
    return PurePosixPath(unquote(urlsplit(url_of(file)).path)).name, size


def test_every_answer_beside_a_busy_writer_is_one_version_and_complete(tmp_path: Path):
    table = tmp_path / "orders"
    write_rounds(str(table), 1)
    stop = threading.Event()
    with served(tmp_path, {TABLE: table}) as lake, ThreadPoolExecutor(READERS) as pool:
        readers = [pool.submit(Reader(lake, seed, stop).run) for seed in range(READERS)]
        try:
            command = [sys.executable, Path(__file__).with_name("busy_writer.py"), str(table), str(ROUNDS)]
            subprocess.run(command, check=True, timeout=300, capture_output=True)
        finally:
            stop.set()
        listings = [listing for reader in readers for listing in reader.result()]

    wanted = {version: files_of(table, version) for version in {listing.version for listing in listings}}
    for listing in listings:
        assert listing.files == wanted[listing.version], listing.kind
    assert len(wanted) > 10, "the readers saw too few versions for this to prove anything"
    assert max(listing.pages for listing in listings) > 3


def files_of(table: Path, version: int) -> dict[str, int]:
    """A version's files and their sizes, by another reader than ours."""
    actions = DeltaTable(table, version=version).get_add_actions(flatten=True)
    paths, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
    return {PurePosixPath(unquote(path)).name: size for path, size in zip(paths, sizes, strict=True)}
