"""The lines of an answer: its protocol, its metadata, files straight from a frame, and its end."""

from itertools import chain

import msgspec
import polars as pl

from lakeshare.operations.file_parts import LineStyle, constant_parts, fresh_parts, unbroken
from lakeshare.protocol import actions
from lakeshare.protocol.capabilities import ResponseFormat
from lakeshare.tables.base import Snapshot, TableMetadata, TableProtocol


def header_lines(snapshot: Snapshot, response_format: ResponseFormat, *, stamped: bool = False) -> bytes:
    """The protocol line and the metadata line; `stamped` with the version, as an answer about the past has it."""
    metadata = metadata_line(
        snapshot.metadata,
        response_format,
        version=snapshot.version if stamped else None,
        size=snapshot.size_bytes,
        num_files=snapshot.num_files,
    )
    return protocol_line(snapshot.protocol, response_format) + metadata


def protocol_line(protocol: TableProtocol, response_format: ResponseFormat, *, version: int | None = None) -> bytes:
    """Delta's own protocol in delta format; in parquet format always version 1, which has no `version`."""
    if response_format == "parquet":
        return _line(actions.Line(protocol=actions.Protocol(min_reader_version=1)))
    delta_protocol = actions.DeltaProtocol(
        min_reader_version=protocol.min_reader_version,
        min_writer_version=protocol.min_writer_version,
        reader_features=protocol.reader_features,
        writer_features=protocol.writer_features,
    )
    return _line(actions.Line(protocol=actions.Protocol(delta_protocol=delta_protocol, version=version)))


def metadata_line(
    metadata: TableMetadata,
    response_format: ResponseFormat,
    *,
    version: int | None = None,
    size: int | None = None,
    num_files: int | None = None,
) -> bytes:
    """The metadata line. `size` is the table's bytes; `version` is the one that the metadata is of."""
    if response_format == "parquet":
        told = actions.Metadata(
            id=metadata.id,
            name=metadata.name,
            description=metadata.description,
            format=actions.Format(),
            schema_string=metadata.schema_string,
            partition_columns=metadata.partition_columns,
            configuration=metadata.configuration,
        )
    else:
        told = actions.Metadata(delta_metadata=_delta_metadata(metadata))
    told = msgspec.structs.replace(told, version=version, size=size, num_files=num_files, access_modes=("url",))
    return _line(actions.Line(meta_data=told))


def end_line(action: actions.EndStreamAction) -> bytes:
    """The last line, in either format."""
    return _line(actions.Line(end_stream_action=action))


def file_lines(files: pl.DataFrame, style: LineStyle) -> bytes:
    """The lines of some rows of a snapshot's files, in their order.

    Raises UnsupportedTableFeature as `fresh_parts` does.
    """
    heads, tails = constant_parts(files, style.response_format, style.sign_urls.bases(files["path"].to_list()))
    lines = zip(heads.to_list(), fresh_parts(files, style), tails.to_list(), strict=True)
    return "".join(chain.from_iterable(lines)).encode()


def change_lines(files: pl.DataFrame, style: LineStyle) -> bytes:
    """The lines of some rows of `Commit.files`, in their order: `add`, `cdf` and `remove` in parquet format.

    Raises UnsupportedTableFeature as `fresh_parts` does.
    """
    of_adds = [pl.when(pl.col("action") == "add").then(name).alias(name) for name in ("modification_time", "stats")]
    return file_lines(files.with_columns(of_adds), style)


def _delta_metadata(metadata: TableMetadata) -> actions.DeltaMetadata:
    return actions.DeltaMetadata(
        id=metadata.id,
        format=actions.DeltaFormat(),
        schema_string=metadata.schema_string,
        partition_columns=metadata.partition_columns,
        configuration=metadata.configuration,
        name=metadata.name if metadata.name is not None else msgspec.UNSET,
        description=metadata.description if metadata.description is not None else msgspec.UNSET,
        created_time=metadata.created_time if metadata.created_time is not None else msgspec.UNSET,
    )


def _line(line: actions.Line) -> bytes:
    return (_json(line) + "\n").encode()


def _json(value: msgspec.Struct) -> str:
    return unbroken(msgspec.json.encode(value).decode())
