"""Older versions, and what ranges of versions changed: `query`, `metadata`, `version` and `changes` with history."""

import json
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from provider import Provider
from reader import Lines, Reader, at, lines_of, refusal, set_times

FILES = {0: 2, 1: 4, 2: 6, 3: 6, 4: 8, 5: 2}
"""How many files each version of `write_history` has."""


async def fetched(reader: Reader, lines: Lines) -> pl.DataFrame:
    """The rows behind the URLs, with the action that each file came by."""
    read = []
    for kind, file in lines.files:
        action = file.get("action", file)
        answer = await reader.provider.client.get(action.get("url") or action["path"])
        assert (answer.status_code, len(answer.content)) == (200, action["size"])
        rows = pl.read_parquet(answer.content)
        read.append(rows.with_columns(action=pl.lit(kind), parity=pl.lit(action["partitionValues"]["parity"])))
    return pl.concat(read, how="diagonal")


class TestSnapshots:
    @pytest.mark.parametrize("version", FILES)
    async def test_of_every_version_and_its_timestamp(self, any_reader: Reader, version: int):
        by_version = await any_reader.query(version=version)
        by_time = await any_reader.query(timestamp=at(version))
        assert len(by_version.files) == FILES[version]
        assert by_version.told() == by_time.told()
        for lines in (by_version, by_time):
            assert (lines.version, lines.metadata["version"]) == (version, version)
            stamps = {(file["version"], file["timestamp"]) for _, file in lines.files}
            assert stamps == {(version, 1_700_000_000_000 + version * 3_600_000)}

    async def test_of_an_older_version_hold_its_rows(self, any_reader: Reader):
        rows = await fetched(any_reader, await any_reader.query(version=1))
        assert sorted(rows["number"]) == list(range(20))

    async def test_of_now_are_not_stamped(self, any_reader: Reader):
        lines = await any_reader.query()
        assert (lines.version, len(lines.files)) == (5, 2)
        assert "version" not in lines.metadata
        assert all("version" not in file and "timestamp" not in file for _, file in lines.files)

    @pytest.mark.parametrize(
        ("timestamp", "version"),
        [
            (at(1.5), 1),
            (at(1.5).replace("Z", ".999999Z"), 1),
            (at(2).replace("Z", "+00:00"), 2),
            ("2023-11-14T23:13:20+01:00", 0),
            ("2023-11-14T17:43:20-05:30", 1),
        ],
    )
    async def test_of_a_moment_are_of_the_version_before_it(self, reader: Reader, timestamp: str, version: int):
        assert (await reader.query(timestamp=timestamp)).version == version
        metadata = lines_of(await reader.get("/metadata", timestamp=timestamp))
        assert (metadata.version, metadata.metadata["version"]) == (version, version)

    async def test_hints_apply_to_older_versions(self, reader: Reader):
        assert len((await reader.query(version=2, predicateHints=["number < 10"])).files) == 2
        assert len((await reader.query(version=2, predicateHints=["number < 10"], limitHint=1)).files) == 1

    @pytest.mark.parametrize("version", [0, 4])
    async def test_metadata_is_of_the_version(self, any_reader: Reader, version: int):
        lines = lines_of(await any_reader.get("/metadata", version=version))
        assert (lines.version, lines.metadata["version"], lines.metadata["numFiles"]) == (
            version,
            version,
            FILES[version],
        )
        schema = lines.metadata.get("deltaMetadata", lines.metadata)["schemaString"]
        assert ("half" in schema) == (version == 4)

    @pytest.mark.parametrize(
        "asked",
        [
            {"version": -1},
            {"version": 6},
            {"version": 2**63},
            {"version": 10**30},
            {"timestamp": at(-1)},
            {"timestamp": at(5.1)},
            {"timestamp": "yesterday"},
            {"timestamp": "2023-11-14"},
            {"timestamp": "2023-11-14T22:13:20"},
            {"timestamp": "2023-02-30T00:00:00Z"},
            {"timestamp": "2023-11-14T22:13:60Z"},
            {"timestamp": ""},
            {"timestamp": "0000-01-01T00:00:00Z"},
            {"timestamp": "0001-01-01T00:00:00+23:59"},
            {"timestamp": "9999-12-31T23:59:59-23:59"},
            {"timestamp": "²023-11-14T22:13:20Z"},
        ],
    )
    async def test_of_what_never_was_are_refused(self, reader: Reader, asked: dict):
        refusal(await reader.try_query(**asked))
        refusal(await reader.get("/metadata", **asked))

    async def test_with_a_version_of_another_type_are_malformed(self, reader: Reader):
        for value in ("1", 1.5, True, [1]):
            refusal(await reader.try_query(version=value), "MALFORMED_REQUEST")
        for text in ("1.5", "one", "", "0x1", "²"):
            assert "version" in refusal(await reader.get("/metadata", version=text))


class TestVersion:
    @pytest.mark.parametrize(
        ("timestamp", "version"), [(at(-100), 0), (at(0), 0), (at(0.1), 1), (at(4.9), 5), (at(5), 5)]
    )
    async def test_is_the_earliest_at_or_after_a_timestamp(self, reader: Reader, timestamp: str, version: int):
        answer = await reader.get("/version", startingTimestamp=timestamp)
        assert answer.headers["delta-table-version"] == str(version)
        answer = await reader.provider.client.head(
            reader.path, params={"startingTimestamp": timestamp}, headers=reader.headers
        )
        assert answer.headers["delta-table-version"] == str(version)

    @pytest.mark.parametrize("timestamp", [at(5.1), "x", ""])
    async def test_is_none_after_the_newest(self, reader: Reader, timestamp: str):
        refusal(await reader.get("/version", startingTimestamp=timestamp))


class TestStreams:
    async def test_tell_what_each_version_changed(self, any_reader: Reader):
        lines = await any_reader.query(startingVersion=0)
        assert lines.version == lines.metadata["version"] == 0
        actions = [(file["version"], kind) for kind, file in lines.files]
        assert sorted(actions) == sorted(
            [(version, "add") for version in range(5) for _ in range(2)] + [(3, "remove")] * 2
        )
        assert [version for version, _ in actions] == sorted(version for version, _ in actions)
        assert lines.history == [("metaData", 4)]
        assert all(file["timestamp"] == 1_700_000_000_000 + file["version"] * 3_600_000 for _, file in lines.files)

    async def test_can_be_fetched_and_add_up(self, any_reader: Reader):
        rows = await fetched(any_reader, await any_reader.query(startingVersion=1, endingVersion=3))
        added, removed = rows.filter(action="add")["number"], rows.filter(action="remove")["number"]
        assert sorted(added) == sorted([*range(10, 30), *range(5, 10)])
        assert sorted(removed) == list(range(10))

    async def test_of_a_rewrite_are_empty(self, any_reader: Reader):
        lines = await any_reader.query(startingVersion=5)
        assert (lines.version, lines.rest) == (5, [])

    async def test_begin_with_the_metadata_of_their_start(self, any_reader: Reader):
        for version, known in ((3, False), (4, True)):
            lines = await any_reader.query(startingVersion=version)
            schema = lines.metadata.get("deltaMetadata", lines.metadata)["schemaString"]
            assert (lines.version, "half" in schema) == (version, known)
        assert (await any_reader.query(startingVersion=4)).history == []

    async def test_end_where_they_are_told_to(self, reader: Reader):
        assert {file["version"] for _, file in (await reader.query(startingVersion=1, endingVersion=2)).files} == {1, 2}
        by_time = await reader.query(startingTimestamp=at(0.5), endingTimestamp=at(2.5))
        assert by_time.told() == (await reader.query(startingVersion=1, endingVersion=2)).told()

    async def test_stamp_the_protocol_only_if_asked(self, reader: Reader):
        delta = reader.understanding("responseformat=delta")
        assert (await delta.query(startingVersion=2, includeHistoricalProtocol=True)).protocol["version"] == 2
        assert "version" not in (await delta.query(startingVersion=2)).protocol
        assert "version" not in (await reader.query(startingVersion=2, includeHistoricalProtocol=True)).protocol

    @pytest.mark.parametrize(
        "asked",
        [
            {"startingVersion": 6},
            {"startingVersion": -1},
            {"startingVersion": 2**64},
            {"startingVersion": 0, "endingVersion": 6},
            {"startingVersion": 3, "endingVersion": 2},
            {"startingVersion": 3, "endingTimestamp": at(2)},
            {"startingVersion": 0, "endingVersion": -1},
            {"startingVersion": 0, "endingVersion": 2, "endingTimestamp": at(2)},
            {"startingTimestamp": at(5.5)},
            {"startingTimestamp": "now"},
            {"startingVersion": 0, "endingTimestamp": "now"},
        ],
    )
    async def test_of_impossible_ranges_are_refused(self, reader: Reader, asked: dict):
        refusal(await reader.try_query(**asked))

    async def test_need_a_start(self, reader: Reader):
        assert (await reader.query(endingVersion=2)).version == 5


class TestChanges:
    async def test_tell_recorded_changes_and_nothing_else_of_their_version(self, any_reader: Reader):
        lines = await any_reader.changes(startingVersion=0)
        assert lines.version == 0
        actions = [(file["version"], kind) for kind, file in lines.files]
        assert actions == [(version, "cdf" if version == 3 else "add") for version in range(5) for _ in range(2)]
        assert lines.history == []
        assert lines.metadata["version"] == 5
        rows = await fetched(any_reader, await any_reader.changes(startingVersion=3, endingVersion=3))
        assert rows.select("_change_type", "number").sort("number").rows() == [
            ("delete", number) for number in range(5)
        ]

    @pytest.mark.parametrize("yes", ["true", "True", "TRUE"])
    async def test_tell_the_metadata_of_their_time_if_asked(self, any_reader: Reader, yes: str):
        lines = await any_reader.changes(startingVersion=2, includeHistoricalMetadata=yes)
        assert (lines.version, lines.metadata["version"], lines.history) == (2, 2, [("metaData", 4)])

    async def test_by_timestamps_are_those_of_the_versions_between(self, reader: Reader):
        by_time = await reader.changes(startingTimestamp=at(0.5), endingTimestamp=at(3.5))
        assert by_time.told() == (await reader.changes(startingVersion=1, endingVersion=3)).told()
        everything = await reader.changes(startingTimestamp=at(-9), endingTimestamp=at(99))
        assert everything.told() == (await reader.changes(startingVersion=0)).told()

    async def test_end_at_the_newest_version(self, reader: Reader):
        assert (await reader.changes(startingVersion=4, endingVersion=99)).told() == (
            await reader.changes(startingVersion=4)
        ).told()

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"endingVersion": 2},
            {"startingVersion": 6},
            {"startingVersion": -1},
            {"startingVersion": "one"},
            {"startingVersion": "9" * 100},
            {"startingVersion": 2**63},
            {"startingVersion": 3, "endingVersion": 2},
            {"startingVersion": 0, "endingTimestamp": at(-1)},
            {"startingVersion": 0, "startingTimestamp": at(0)},
            {"startingVersion": 0, "endingVersion": 1, "endingTimestamp": at(1)},
            {"startingTimestamp": at(5.5)},
            {"startingTimestamp": "2023"},
            {"startingVersion": 0, "includeHistoricalMetadata": "perhaps"},
            {"startingVersion": 0, "maxFiles": 0},
            {"startingVersion": 0, "maxFiles": "many"},
        ],
    )
    async def test_of_impossible_ranges_are_refused(self, reader: Reader, asked: dict):
        refusal(await reader.get("/changes", **asked))

    async def test_of_a_version_without_a_feed_are_refused_by_its_name(self, lab: Provider, reader: Reader):
        place = lab.lake / "plain"
        pl.DataFrame({"number": [1]}).write_delta(place)
        await lab.share("lab", "data.plain", place, history=True)
        assert "Version 0" in refusal(await reader.of("plain").get("/changes", startingVersion=0))
        assert len((await reader.of("plain").query(startingVersion=0)).files) == 1


class TestRemovesThatTheLogTellsLittleOf:
    """Delta lets a commit leave out the size and partition values of what it removes."""

    @pytest.fixture
    def shortened(self, lab: Provider) -> Path:
        place = lab.lake / "numbers"
        commit = place / "_delta_log" / f"{3:020}.json"
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            for key in ("size", "partitionValues", "extendedFileMetadata", "stats"):
                action.get("remove", {}).pop(key, None)
        commit.write_text("\n".join(json.dumps(action) for action in actions if "cdc" not in action))
        set_times(place)
        return place

    @pytest.mark.usefixtures("shortened")
    async def test_are_told_as_the_version_before_knew_them(self, any_reader: Reader):
        for lines in (
            await any_reader.query(startingVersion=3, endingVersion=3),
            await any_reader.changes(startingVersion=3, endingVersion=3),
        ):
            rows = await fetched(any_reader, lines)
            assert sorted(rows.filter(action="remove")["number"]) == list(range(10))
            assert set(rows.filter(number=4, action="remove")["parity"]) == {"even"}

    async def test_are_refused_where_that_version_is_gone(self, any_reader: Reader, shortened: Path):
        DeltaTable(shortened, version=3).create_checkpoint()
        for version in range(3):
            (shortened / "_delta_log" / f"{version:020}.json").unlink()
        assert "version 3" in refusal(await any_reader.try_query(startingVersion=3), "TABLE_UNREADABLE")
        assert (await any_reader.query(startingVersion=4)).version == 4
