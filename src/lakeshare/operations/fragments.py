"""The lines of an answer, rendered many at a time.

A file's line is cut where its URL goes: a constant head, the fresh URL, and a tail that Polars renders for a whole
slice of the table at once. Python's only work per file is its id, its signature and one join; and, where it has a
deletion vector, that vector's JSON.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from lakeshare.errors import UnsupportedTableFeature
from lakeshare.protocol import actions
from lakeshare.protocol.capabilities import ResponseFormat
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.base import Snapshot, TableMetadata, TableProtocol
from lakeshare.tables.formats.delta.deletion_vectors import deletion_vector_key
from lakeshare.tables.history import CommitTime


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


def file_lines(
    files: pl.DataFrame,
    response_format: ResponseFormat,
    sign_urls: UrlSigner,
    expires_at_ms: int,
    *,
    root: str,
    stamp: CommitTime | None = None,
) -> bytes:
    """The lines of some rows of `Snapshot.files`, each with a fresh URL that ends at `expires_at_ms`.

    With a stamp each has its `version` and `timestamp`. `root` is the table's location.
    Raises UnsupportedTableFeature where a file with a deletion vector would have to be told in parquet format: its
    deleted rows would come back to life.
    """
    kinds = ["file" if response_format == "parquet" else "add"] * files.height
    return _lines(files, kinds, response_format, sign_urls, expires_at_ms, root, stamp)


def change_lines(
    files: pl.DataFrame,
    commit: CommitTime,
    response_format: ResponseFormat,
    sign_urls: UrlSigner,
    expires_at_ms: int,
    *,
    root: str,
) -> bytes:
    """The lines of some rows of `Commit.files`, in their order: `add`, `cdf` and `remove` in parquet format.

    Raises UnsupportedTableFeature as `file_lines` does.
    """
    kinds = files["action"].to_list()
    if response_format == "parquet":
        kinds = ["cdf" if kind == "cdc" else kind for kind in kinds]
    of_adds = [pl.when(pl.col("action") == "add").then(name).alias(name) for name in ("modification_time", "stats")]
    return _lines(files.with_columns(of_adds), kinds, response_format, sign_urls, expires_at_ms, root, commit)


def _lines(
    files: pl.DataFrame,
    kinds: Sequence[str],
    response_format: ResponseFormat,
    sign_urls: UrlSigner,
    expires_at_ms: int,
    root: str,
    stamp: CommitTime | None,
) -> bytes:
    """A line a row; `kinds` are the keys of its innermost objects."""
    shared = f'"expirationTimestamp":{expires_at_ms}'
    if stamp is not None:
        shared += f',"version":{stamp.version},"timestamp":{stamp.timestamp}'
    paths, tails = files["path"].to_list(), _tails(files, response_format)
    urls, ids = sign_urls(paths), map(_file_id, paths)
    if response_format == "parquet":
        _refuse_deletion_vectors(files)
        lines = [
            f'{{"{kind}":{{"url":"{url}",{shared},"id":"{file_id}",{tail}}}}}\n'
            for kind, url, file_id, tail in zip(kinds, urls, ids, tails, strict=True)
        ]
    else:
        ends = _delta_ends(files, sign_urls, root)
        lines = [
            f'{{"file":{{"id":"{file_id}",{shared},"deltaSingleAction":{{"{kind}":{{"path":"{url}",{tail}{end}'
            for kind, url, file_id, tail, end in zip(kinds, urls, ids, tails, ends, strict=True)
        ]
    return _unbroken("".join(lines)).encode()


def _unbroken(text: str) -> str:
    """JSON text without the line breaks that are legal inside of it: clients that split lines as Python's
    `str.splitlines` does would break there."""
    if text.isascii():
        return text
    return text.replace("\u0085", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _file_id(path: str) -> str:
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()


def _tails(files: pl.DataFrame, response_format: ResponseFormat) -> list[str]:
    """The fields of each file that stay the same from one answer to the next."""
    fields = [pl.lit('"partitionValues":'), _partition_values(files), *_field(files, "size", pl.col("size"))]
    if response_format == "delta":
        fields += _data_change(files)
        fields += _extended_metadata(files)
        fields += _field(files, "modificationTime", pl.col("modification_time"))
        fields += _field(files, "baseRowId", pl.col("base_row_id"))
        fields += _field(files, "defaultRowCommitVersion", pl.col("default_row_commit_version"))
    fields += _field(files, "stats", _json_text("stats"))
    # Not `select`: where no field comes from a column, that would give one row.
    rendered = files.with_columns(pl.concat_str(fields).alias("tail"))
    tails: list[str] = rendered["tail"].to_list()
    return tails


def _partition_values(files: pl.DataFrame) -> pl.Expr:
    return pl.col("partition_values").struct.json_encode() if "partition_values" in files.columns else pl.lit("{}")


def _data_change(files: pl.DataFrame) -> list[pl.Expr]:
    """As a commit has it. In a snapshot every file is new to its reader."""
    if "data_change" in files.columns:
        return _field(files, "dataChange", pl.col("data_change"))
    return [pl.lit(',"dataChange":true')]


def _extended_metadata(files: pl.DataFrame) -> list[pl.Expr]:
    """A remove must say that its size and partition values are told: Spark reads no changes from one that does not."""
    if "action" not in files.columns:
        return []
    said = pl.lit(',"extendedFileMetadata":true')
    return [pl.when(pl.col("action") == "remove").then(said).otherwise(pl.lit(""))]


def _field(files: pl.DataFrame, name: str, value: pl.Expr) -> list[pl.Expr]:
    """`,"name":value`, and nothing where the column that the value is made from is null."""
    column = files[value.meta.root_names()[0]]
    if column.null_count() == files.height:
        return []
    parts = [pl.lit(f',"{name}":'), value]
    if column.null_count() == 0:
        return parts
    return [pl.when(pl.col(column.name).is_null()).then(pl.lit("")).otherwise(pl.concat_str(parts))]


def _json_text(column: str) -> pl.Expr:
    """A column of text as JSON strings."""
    return pl.struct(column).struct.json_encode().str.slice(len(f'{{"{column}":')).str.strip_suffix("}")


def _refuse_deletion_vectors(files: pl.DataFrame) -> None:
    if files["deletion_vector_id"].null_count() < files.height:
        raise UnsupportedTableFeature(
            "The table has files with deletion vectors, which parquet format cannot tell.",
            hint="Use a client that sends delta-sharing-capabilities: "
            "responseformat=delta;readerfeatures=deletionvectors.",
        )


def _delta_ends(files: pl.DataFrame, sign_urls: UrlSigner, root: str) -> list[str]:
    """What ends each line of delta format: the deletion vector where the file has one, and the braces."""
    if files["deletion_vector_id"].null_count() == files.height:
        return [_END] * files.height
    vectors = files["deletion_vector"].to_list()
    keys = [
        vector and deletion_vector_key(vector["storage_type"], vector["path_or_inline_dv"], root) for vector in vectors
    ]
    in_files = list({key for key in keys if key is not None})
    urls = dict(zip(in_files, sign_urls(in_files), strict=True))
    return [_vector_end(vector, key, urls) if vector else _END for vector, key in zip(vectors, keys, strict=True)]


_END = "}}}}\n"


def _vector_end(vector: dict[str, Any], key: str | None, urls: dict[str, str]) -> str:
    """A vector in a file is told by that file's URL, whatever the log has for its path; an inline one as it is."""
    told = actions.DeletionVector(
        storage_type="i" if key is None else "p",
        path_or_inline_dv=vector["path_or_inline_dv"] if key is None else urls[key],
        offset=vector["offset"],
        size_in_bytes=vector["size_in_bytes"],
        cardinality=vector["cardinality"],
    )
    file_id = "" if key is None else f',"deletionVectorFileId":"{_file_id(key)}"'
    return f',"deletionVector":{_json(told)}}}}}{file_id}}}}}\n'


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
    return _unbroken(msgspec.json.encode(value).decode())
