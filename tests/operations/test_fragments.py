import hashlib
import json
from urllib.parse import unquote

import msgspec
import polars as pl
import pytest
from hypothesis import given, strategies as st

from drawn_files import EXPIRES, STAMP, VECTOR_KEYS, VECTORS, FakeSigner, frames, sign, style
from lakeshare.errors import UnsupportedTableFeature
from lakeshare.operations.fragments import (
    change_lines,
    end_line,
    file_lines,
    header_lines,
    metadata_line,
    protocol_line,
)
from lakeshare.protocol.actions import (
    DeletionVector,
    DeltaFile,
    DeltaLine,
    EndStreamAction,
    Line,
    QueryStatus,
)
from lakeshare.tables.base import FILE_COLUMNS, Snapshot, TableMetadata, TableProtocol


def file_id(key: str) -> str:
    return hashlib.md5(key.encode()).hexdigest()


def parsed(body: bytes, kind):
    """The lines as every client must be able to cut them."""
    lines = body.decode().splitlines()
    assert len(lines) == body.count(b"\n")
    return [msgspec.json.decode(line, type=kind) for line in lines]


def told_vector(drawn: dict | None) -> tuple[DeletionVector | None, str | None]:
    """How a row's vector must be told, and the id of its file."""
    if drawn is None:
        return None, None
    described = (drawn["size_in_bytes"], drawn["cardinality"], drawn["offset"])
    if drawn["storage_type"] == "i":
        return DeletionVector("i", drawn["path_or_inline_dv"], *described), None
    key = VECTOR_KEYS[drawn["path_or_inline_dv"]]
    return DeletionVector("p", sign([key])[0], *described), file_id(key)


@given(frames(vectors=st.none()), st.none() | st.just(STAMP))
def test_what_is_rendered_in_parquet_format_is_what_was_in_the_frame(files, stamp):
    lines = parsed(file_lines(files, style("parquet", stamp)), Line)
    assert len(lines) == files.height
    for row, line in zip(files.iter_rows(named=True), lines, strict=True):
        told = line.file
        assert (unquote(told.url), told.id) == (f"https://x/{row['path']}?s=1", file_id(row["path"]))
        assert (told.size, told.stats, told.expiration_timestamp) == (row["size"], row["stats"], EXPIRES)
        assert told.partition_values == row.get("partition_values", {})
        assert (told.version, told.timestamp) == ((7, STAMP.timestamp) if stamp else (None, None))


@given(frames(), st.none() | st.just(STAMP))
def test_what_is_rendered_in_delta_format_is_what_was_in_the_frame(files, stamp):
    lines = parsed(file_lines(files, style("delta", stamp)), DeltaLine)
    assert len(lines) == files.height
    for row, line in zip(files.iter_rows(named=True), lines, strict=True):
        check_delta(row, line.file, line.file.delta_single_action.add, stamp)
        assert line.file.delta_single_action.add.data_change is True


def check_delta(row: dict, told: DeltaFile, action, stamp) -> None:
    assert (unquote(action.path), told.id) == (f"https://x/{row['path']}?s=1", file_id(row["path"]))
    assert (action.size, told.expiration_timestamp) == (row["size"], EXPIRES)
    assert action.partition_values == row.get("partition_values", {})
    assert (told.version, told.timestamp) == ((7, STAMP.timestamp) if stamp else (None, None))
    assert (action.base_row_id, action.default_row_commit_version) == (
        row["base_row_id"],
        row["default_row_commit_version"],
    )
    is_add = row.get("action", "add") == "add"
    assert (action.modification_time, action.stats) == (
        (row["modification_time"], row["stats"]) if is_add else (None, None)
    )
    assert (action.deletion_vector, told.deletion_vector_file_id) == told_vector(row["deletion_vector"])


@given(frames(vectors=st.none(), changes=True).map(lambda files: files.with_columns(pl.col("size").fill_null(0))))
def test_changes_in_parquet_format_are_add_cdf_and_remove(files):
    lines = parsed(change_lines(files, style("parquet", STAMP)), Line)
    assert len(lines) == files.height
    for row, line in zip(files.iter_rows(named=True), lines, strict=True):
        told = {"add": line.add, "cdc": line.cdf, "remove": line.remove}[row["action"]]
        assert (unquote(told.url), told.id) == (f"https://x/{row['path']}?s=1", file_id(row["path"]))
        assert (told.version, told.timestamp, told.expiration_timestamp) == (7, STAMP.timestamp, EXPIRES)
        assert (told.size, told.partition_values) == (row["size"], row.get("partition_values", {}))
        assert getattr(told, "stats", None) == (row["stats"] if row["action"] == "add" else None)


@given(frames(changes=True))
def test_changes_in_delta_format_are_single_actions(files):
    body = change_lines(files, style("delta", STAMP))
    lines = parsed(body, DeltaLine)
    assert len(lines) == files.height
    for row, line, text in zip(files.iter_rows(named=True), lines, body.splitlines(), strict=True):
        action = getattr(line.file.delta_single_action, row["action"])
        check_delta(row, line.file, action, STAMP)
        assert action.data_change == row["data_change"]
        # Spark reads no changes from a remove that does not say it.
        said = json.loads(text)["file"]["deltaSingleAction"][row["action"]].get("extendedFileMetadata")
        assert said is (True if row["action"] == "remove" else None)


@given(frames(vectors=VECTORS.filter(bool)).filter(lambda files: files.height > 0))
def test_a_deletion_vector_is_never_left_out(files):
    with pytest.raises(UnsupportedTableFeature, match="deletion vectors"):
        file_lines(files, style("parquet"))


def test_a_file_of_vectors_is_signed_once():
    signer = FakeSigner()
    vector = {"storage_type": "u", "path_or_inline_dv": "ab^-aqEH.-t@S}K{vb[*k^", "size_in_bytes": 9, "cardinality": 1}
    rows = [
        {"path": f"{number}", "size": 1, "modification_time": 1, "deletion_vector_id": f"{number}"}
        | {"deletion_vector": vector | {"offset": number}}
        for number in range(3)
    ]
    body = file_lines(pl.DataFrame(rows, schema=FILE_COLUMNS), style("delta", signer=signer))
    assert signer.signed == [["0", "1", "2"], ["ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"]]
    offsets = [line.file.delta_single_action.add.deletion_vector.offset for line in parsed(body, DeltaLine)]
    assert offsets == [0, 1, 2]


METADATA = TableMetadata(
    id="6c2a\u2028",
    schema_string='{"type":"struct","fields":[{"name":"\u2029é","type":"long","nullable":true,"metadata":{}}]}',
    partition_columns=("day",),
    name="n",
    configuration={"delta.columnMapping.mode": "name"},
    created_time=5,
)
PROTOCOL = TableProtocol(3, 7, ("columnMapping", "v2Checkpoint"), ("columnMapping", "v2Checkpoint", "rowTracking"))


def snapshot() -> Snapshot:
    return Snapshot(7, 9, PROTOCOL, METADATA, pl.DataFrame(schema=FILE_COLUMNS), 0)


def test_delta_format_keeps_the_tables_own_protocol_and_metadata():
    protocol, metadata = parsed(header_lines(snapshot(), "delta"), DeltaLine)
    assert protocol.protocol.delta_protocol.reader_features == PROTOCOL.reader_features
    assert protocol.protocol.delta_protocol.writer_features == PROTOCOL.writer_features
    assert (protocol.protocol.min_reader_version, protocol.protocol.version) == (None, None)
    told = metadata.meta_data.delta_metadata
    assert (told.id, told.schema_string, told.name, told.description) == (
        METADATA.id,
        METADATA.schema_string,
        "n",
        msgspec.UNSET,
    )
    assert (told.configuration, told.created_time) == (METADATA.configuration, 5)
    assert (metadata.meta_data.version, metadata.meta_data.size, metadata.meta_data.num_files) == (None, 0, 0)


def test_parquet_format_is_protocol_version_1():
    protocol, metadata = parsed(header_lines(snapshot(), "parquet"), Line)
    assert json.loads(protocol_line(PROTOCOL, "parquet", version=3)) == {"protocol": {"minReaderVersion": 1}}
    assert (protocol.protocol.min_reader_version, protocol.protocol.delta_protocol) == (1, None)
    assert (metadata.meta_data.id, metadata.meta_data.schema_string) == (METADATA.id, METADATA.schema_string)
    assert metadata.meta_data.access_modes == ("url",)


@pytest.mark.parametrize("response_format", ["parquet", "delta"])
def test_an_answer_about_the_past_tells_the_metadatas_version_alone(response_format):
    protocol, metadata = (
        json.loads(line) for line in header_lines(snapshot(), response_format, stamped=True).splitlines()
    )
    assert metadata["metaData"]["version"] == 7
    assert "version" not in protocol["protocol"]


def test_history_tells_the_version_of_a_protocol_and_of_metadata_and_no_size():
    assert json.loads(protocol_line(PROTOCOL, "delta", version=4))["protocol"]["version"] == 4
    for response_format in ("parquet", "delta"):
        told = json.loads(metadata_line(METADATA, response_format, version=0))["metaData"]
        assert told["version"] == 0
        assert not {"size", "numFiles"} & told.keys()


def test_the_last_line_holds_what_is_set():
    assert end_line(EndStreamAction(next_page_token="t")) == b'{"endStreamAction":{"nextPageToken":"t"}}\n'
    assert end_line(EndStreamAction()) == b'{"endStreamAction":{}}\n'


def test_a_query_status_is_as_the_protocol_has_it():
    assert msgspec.json.encode(Line(query_status=QueryStatus("q", "pending"))) == (
        b'{"queryStatus":{"queryId":"q","status":"pending"}}'
    )
