"""The lines of an answer, rendered many at a time.

A file's line is cut where its URL goes: a constant head, the fresh URL, and a tail that Polars renders for a whole
slice of the table at once. Python's only work per file is its id, its signature and one join.
"""

import hashlib

import msgspec
import polars as pl

from lakeshare.protocol import actions
from lakeshare.protocol.capabilities import ResponseFormat
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.base import Snapshot

_LINE_BREAKS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Legal inside JSON text, but clients that split lines as Python's `str.splitlines` does would break there."""


def header_lines(snapshot: Snapshot, response_format: ResponseFormat) -> bytes:
    """The protocol line and the metadata line."""
    if response_format == "parquet":
        protocol = actions.Protocol(min_reader_version=1)
    else:
        protocol = actions.Protocol(
            delta_protocol=actions.DeltaProtocol(
                min_reader_version=snapshot.protocol.min_reader_version,
                min_writer_version=snapshot.protocol.min_writer_version,
                reader_features=snapshot.protocol.reader_features,
                writer_features=snapshot.protocol.writer_features,
            )
        )
    metadata = _parquet_metadata(snapshot) if response_format == "parquet" else _delta_metadata(snapshot)
    return _line(actions.Line(protocol=protocol)) + _line(actions.Line(meta_data=metadata))


def file_lines(files: pl.DataFrame, response_format: ResponseFormat, sign_urls: UrlSigner, expires_at_ms: int) -> bytes:
    """The lines of some rows of `Snapshot.files`, each with a fresh URL that ends at `expires_at_ms`."""
    paths = files["path"].to_list()
    rows = zip(sign_urls(paths), map(_file_id, paths), _tails(files, response_format), strict=True)
    if response_format == "parquet":
        middle = f'","expirationTimestamp":{expires_at_ms},"id":"'
        lines = [f'{{"file":{{"url":"{url}{middle}{file_id}",{tail}}}}}\n' for url, file_id, tail in rows]
    else:
        middle = f'","expirationTimestamp":{expires_at_ms},"deltaSingleAction":{{"add":{{"path":"'
        lines = [f'{{"file":{{"id":"{file_id}{middle}{url}",{tail}}}}}}}}}\n' for url, file_id, tail in rows]
    return "".join(lines).encode()


def _file_id(path: str) -> str:
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()


def _tails(files: pl.DataFrame, response_format: ResponseFormat) -> list[str]:
    """The fields of each file that stay the same from one answer to the next."""
    fields = [pl.lit('"partitionValues":'), _partition_values(files), pl.lit(',"size":'), pl.col("size")]
    if response_format == "delta":
        fields += [pl.lit(',"modificationTime":'), pl.col("modification_time"), pl.lit(',"dataChange":true')]
    fields.append(pl.when(pl.col("stats").is_null()).then(pl.lit("")).otherwise(_json_field("stats")))
    rendered = files.select(pl.concat_str(fields).str.replace_many(_LINE_BREAKS))
    tails: list[str] = rendered.to_series().to_list()
    return tails


def _partition_values(files: pl.DataFrame) -> pl.Expr:
    return pl.col("partition_values").struct.json_encode() if "partition_values" in files.columns else pl.lit("{}")


def _json_field(column: str) -> pl.Expr:
    """`,"column":"its text as a JSON string"`."""
    return pl.concat_str(pl.lit(","), pl.struct(column).struct.json_encode().str.slice(1).str.strip_suffix("}"))


def _parquet_metadata(snapshot: Snapshot) -> actions.Metadata:
    metadata = snapshot.metadata
    return actions.Metadata(
        id=metadata.id,
        name=metadata.name,
        description=metadata.description,
        format=actions.Format(),
        schema_string=metadata.schema_string,
        partition_columns=metadata.partition_columns,
        configuration=metadata.configuration,
        size=snapshot.size_bytes,
        num_files=snapshot.num_files,
        access_modes=("url",),
    )


def _delta_metadata(snapshot: Snapshot) -> actions.Metadata:
    metadata = snapshot.metadata
    return actions.Metadata(
        delta_metadata=actions.DeltaMetadata(
            id=metadata.id,
            format=actions.DeltaFormat(),
            schema_string=metadata.schema_string,
            partition_columns=metadata.partition_columns,
            configuration=metadata.configuration,
            name=metadata.name if metadata.name is not None else msgspec.UNSET,
            description=metadata.description if metadata.description is not None else msgspec.UNSET,
            created_time=metadata.created_time if metadata.created_time is not None else msgspec.UNSET,
        ),
        size=snapshot.size_bytes,
        num_files=snapshot.num_files,
        access_modes=("url",),
    )


def _line(line: actions.Line) -> bytes:
    text = msgspec.json.encode(line).decode()
    for character, escape in _LINE_BREAKS.items():
        text = text.replace(character, escape)
    return text.encode() + b"\n"
