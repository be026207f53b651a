"""Broken logs: a clear refusal, and never a path in it."""

import random
from pathlib import Path

import pytest

from lakeshare.errors import TableUnreadable, Unavailable
from samples.delta import add, commit_path, metadata, protocol, write_checkpoint, write_delta_log
from samples.tables import load, paths

START = [protocol(), metadata()]


async def refusal(root: Path) -> TableUnreadable:
    with pytest.raises(TableUnreadable) as raised:
        await load(root)
    assert "/" not in raised.value.message
    assert raised.value.message[0].islower()
    return raised.value


async def test_no_directory_at_all(tmp_path: Path):
    assert (await refusal(tmp_path / "nothing")).message == "it has no transaction log"


async def test_an_empty_log(tmp_path: Path):
    (tmp_path / "_delta_log").mkdir()
    assert (await refusal(tmp_path)).message == "it has no transaction log"


async def test_a_file_where_the_log_should_be(tmp_path: Path):
    (tmp_path / "_delta_log").write_text("{}")
    assert (await refusal(tmp_path)).message == "it has no transaction log"


async def test_a_log_without_metadata(tmp_path: Path):
    write_delta_log(tmp_path, [[protocol(), add("a")]])
    assert (await refusal(tmp_path)).message == "its transaction log has no metadata"


async def test_a_log_without_a_protocol(tmp_path: Path):
    write_delta_log(tmp_path, [[metadata(), add("a")]])
    assert (await refusal(tmp_path)).message == "its transaction log has no protocol"


async def test_a_checkpoint_without_metadata_is_not_made_up_for_by_older_commits(tmp_path: Path):
    write_delta_log(tmp_path, [START])
    write_checkpoint(tmp_path, 0, [protocol(), add("a")])
    assert (await refusal(tmp_path)).message == "its transaction log has no metadata"


@pytest.mark.parametrize("data", [b"", b"\n", b" \n\n "])
async def test_an_empty_commit(tmp_path: Path, data: bytes):
    write_delta_log(tmp_path, [START])
    commit_path(tmp_path, 1).write_bytes(data)
    error = await refusal(tmp_path)
    assert error.message == "its transaction log has an empty commit"
    assert commit_path(tmp_path, 1).name in error.detail


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"add":{"path":"a"',
        b"not json",
        b"null",
        b"[1]",
        b'"text"',
        b"\x00\x01\x02\xff",
        b"PAR1\x15\x04",
        b'{"add":{"path":"\xff","size":1,"modificationTime":1}}',
        b'{"add":{"path":"\\udc00","size":1,"modificationTime":1}}',
        b'{"add":{"size":1,"modificationTime":1}}',
        b'{"add":{"path":null,"size":1,"modificationTime":1}}',
        b'{"add":{"path":"a","size":"1","modificationTime":1}}',
        b'{"add":{"path":"a","size":-1,"modificationTime":1}}',
        b'{"add":{"path":"a","size":99999999999999999999,"modificationTime":1}}',
        b'{"add":{"path":"a","size":1}}',
        b'{"add":{"path":"a","size":1,"modificationTime":1,"stats":{"numRecords":1}}}',
        b'{"add":{"path":"a","size":1,"modificationTime":1,"partitionValues":{"p":1}}}',
        b'{"remove":{}}',
        b'{"metaData":{"id":"x","schemaString":"{broken"}}',
        b'{"metaData":{"id":"x","schemaString":"[]"}}',
        b'{"protocol":{"minReaderVersion":"one","minWriterVersion":2}}',
        b'{"unheardOf":' + b"[" * 100_000,
    ],
)
async def test_a_malformed_commit(tmp_path: Path, line: bytes):
    write_delta_log(tmp_path, [START, [add("a")]])
    commit = commit_path(tmp_path, 1)
    commit.write_bytes(commit.read_bytes() + line)
    await refusal(tmp_path)


async def test_a_directory_where_a_commit_should_be(tmp_path: Path):
    write_delta_log(tmp_path, [START, [add("a")], [add("b")]])
    commit_path(tmp_path, 1).unlink()
    commit_path(tmp_path, 1).mkdir()
    assert (await refusal(tmp_path)).message == "its transaction log lacks version 1"


async def test_a_damaged_checkpoint_is_refused_or_read_as_it_was(tmp_path: Path):
    """Never a crash. (A flipped bit in a string is a different string: only a checksum could tell.)"""
    (checkpoint,) = write_checkpoint(tmp_path, 0, [*START, *(add(f"part-{number}") for number in range(50))])
    whole = checkpoint.read_bytes()
    chance = random.Random(7)
    refused = 0
    for attempt in range(150):
        damaged = bytearray(whole[: chance.randrange(len(whole))] if attempt % 2 else whole)
        for _ in range(0 if attempt % 2 else 3):
            damaged[-1 - chance.randrange(min(len(damaged), 3000))] = chance.randrange(256)
        checkpoint.write_bytes(damaged)
        try:
            await load(tmp_path)
        except TableUnreadable:
            refused += 1
    assert refused >= 75, "every truncated one"


async def test_a_checkpoint_that_is_some_other_parquet_file(tmp_path: Path):
    (checkpoint,) = write_checkpoint(tmp_path, 0, [*START, add("a")])
    (other,) = write_checkpoint(tmp_path / "other", 0, [{"sidecar": {"path": "../../x.parquet"}}])
    checkpoint.write_bytes(other.read_bytes())
    await refusal(tmp_path)


async def test_storage_that_does_not_answer_is_no_broken_table(tmp_path: Path):
    (tmp_path / "_delta_log").symlink_to("_delta_log")
    with pytest.raises(Unavailable):
        await load(tmp_path)


async def test_unheard_of_features_and_versions_still_load(tmp_path: Path):
    write_delta_log(tmp_path, [[protocol(99, 100, features=["teleportation"]), metadata(), add("a")]])
    snapshot = await load(tmp_path)
    assert snapshot.protocol.min_reader_version == 99
    assert snapshot.protocol.reader_features == ("teleportation",)
    assert paths(snapshot) == ["a"]
