"""What of its history a share lets be read, on every face: the edges of design.md, "What a read may touch"."""

import pytest

from reader import Reader, at, refusal

FACES = {
    "query version": lambda reader, version: reader.try_query(version=version),
    "query timestamp": lambda reader, version: reader.try_query(timestamp=at(version)),
    "query stream": lambda reader, version: reader.try_query(startingVersion=version),
    "query stream by time": lambda reader, version: reader.try_query(startingTimestamp=at(version)),
    "metadata version": lambda reader, version: reader.get("/metadata", version=version),
    "metadata timestamp": lambda reader, version: reader.get("/metadata", timestamp=at(version)),
    "version": lambda reader, version: reader.get("/version", startingTimestamp=at(version)),
    "changes": lambda reader, version: reader.get("/changes", startingVersion=version),
    "changes by time": lambda reader, version: reader.get("/changes", startingTimestamp=at(version)),
}

LATE = {
    "query version": {1: None, 2: 2, 3: 3},
    "query timestamp": {1: None, 2: 2, 3: 3},
    "query stream": {1: None, 2: 2, 3: 3},
    "query stream by time": {1: 2, 2: 2, 3: 3},
    "metadata version": {1: None, 2: 2, 3: 3},
    "metadata timestamp": {1: None, 2: 2, 3: 3},
    "version": {1: 2, 2: 2, 3: 3},
    "changes": {1: None, 2: None, 3: 3},
    "changes by time": {1: 3, 2: 3, 3: 3},
}
"""From version 2 on: the version that each face answers with, None where it refuses."""


@pytest.mark.parametrize("face", FACES)
async def test_without_history_every_face_is_refused(any_reader: Reader, face: str):
    for version in (0, 5, 9):
        message = refusal(await FACES[face](any_reader.of("newest"), version))
        assert "shared without its history" in message


@pytest.mark.parametrize("face", FACES)
async def test_without_history_storage_is_not_touched(reader: Reader, face: str):
    (reader.provider.lake / "newest").rename(reader.provider.lake / "gone")
    assert "history" in refusal(await FACES[face](reader.of("newest"), 0))


async def test_without_history_the_newest_version_is_read(any_reader: Reader):
    newest = any_reader.of("newest")
    assert (await newest.query()).version == 5
    assert (await newest.query(endingVersion=3, includeHistoricalProtocol=True)).version == 5
    assert (await newest.get("/version")).headers["delta-table-version"] == "5"


@pytest.mark.parametrize("face", FACES)
async def test_with_history_every_version_is_read(any_reader: Reader, face: str):
    for version in (0, 3, 5):
        answer = await FACES[face](any_reader, version)
        assert (answer.status_code, answer.headers["delta-table-version"]) == (200, str(version))


@pytest.mark.parametrize("face", LATE)
async def test_from_a_start_version_on_earlier_ones_are_refused(any_reader: Reader, face: str):
    for asked, answered in LATE[face].items():
        answer = await FACES[face](any_reader.of("late"), asked)
        if answered is None:
            assert "before what is shared" in refusal(answer)
        else:
            assert (answer.status_code, answer.headers["delta-table-version"]) == (200, str(answered))


async def test_a_stream_from_the_start_version_tells_of_no_file_that_was_removed_there(any_reader: Reader):
    await any_reader.provider.share(
        "lab", "data.cut", any_reader.provider.lake / "numbers", history=True, start_version=3
    )
    lines = await any_reader.of("cut").query(startingVersion=3)
    assert [(kind, file["version"]) for kind, file in lines.files] == [("add", 3)] * 2 + [("add", 4)] * 2
    everything = await any_reader.query(startingVersion=3)
    assert sum(kind == "remove" for kind, _ in everything.files) == 2


async def test_another_recipient_learns_nothing(reader: Reader, bearer):
    other = Reader(reader.provider, bearer(await reader.provider.recipient("stranger")))
    for ask in FACES.values():
        answer = await ask(other, 0)
        assert (answer.status_code, answer.json()["errorCode"]) == (404, "RESOURCE_DOES_NOT_EXIST")
