"""Deletion vectors in streams and changes: a table that Spark wrote, since deltalake writes none."""

import pytest

from golden import GoldenTable, golden_tables
from provider import Provider
from reader import Reader, refusal

GOLDEN = [table for table in golden_tables() if table.name == "cdf-table-with-cdc-and-dvs"]
KERNEL = "responseformat=delta;readerfeatures=deletionvectors"


@pytest.fixture
async def vectors(provider: Provider, golden: GoldenTable, bearer) -> Reader:
    await provider.share("lab", "data.vectors", golden.table_dir, history=True)
    return Reader(provider, bearer(await provider.recipient("kernel", "lab")), "vectors")


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda table: table.name)
class TestDeletionVectors:
    async def test_come_in_delta_format_only(self, vectors: Reader):
        delta = vectors.understanding(KERNEL)
        first, last = await versions_with_vectors(delta)
        for asked in ({"startingVersion": first, "endingVersion": last}, {"version": last}):
            for refused in ("", "responseformat=parquet", "responseformat=delta"):
                answer = await vectors.understanding(refused).try_query(**asked)
                assert "deletionVectors" in refusal(answer, "UNSUPPORTED_TABLE_FEATURE")
            lines = await delta.query(**asked)
            vectors_told = [file for _, file in lines.files if "deletionVector" in file["action"]]
            assert vectors_told

    async def test_that_change_are_a_remove_and_an_add_of_one_file(self, vectors: Reader):
        delta = vectors.understanding(KERNEL)
        lines = await delta.query(startingVersion=0)
        removed = {(file["version"], file["id"]) for kind, file in lines.files if kind == "remove"}
        added = {(file["version"], file["id"]) for kind, file in lines.files if kind == "add"}
        assert removed & added

    @pytest.mark.parametrize("size", [1, 2, 3, 5])
    async def test_come_on_one_page_with_what_they_pair_with(self, vectors: Reader, size: int):
        """A kernel pairs the two by their URL, which another page would sign anew."""
        delta = vectors.understanding(KERNEL)
        whole = await delta.changes(startingVersion=0)
        told, token = [], ""
        while token is not None:
            page = await delta.changes(startingVersion=0, maxFiles=size, pageToken=token)
            told += page.told()
            token = page.end.get("nextPageToken")
            removed = {(file["version"], file["id"]) for kind, file in page.files if kind == "remove"}
            added = {(file["version"], file["id"]) for kind, file in page.files if kind == "add"}
            assert removed <= added
            assert len(page.files) <= max(size, 2)
        assert told == whole.told()


async def versions_with_vectors(reader: Reader) -> tuple[int, int]:
    lines = await reader.query(startingVersion=0)
    versions = [file["version"] for _, file in lines.files if "deletionVector" in file["action"]]
    return min(versions), max(versions)
