"""A file's line in three parts: what stays the same from one answer to the next, cut once by what is fresh.

    parquet  {"file":{"url":"BASE | ENDING","expirationTimestamp":..,["version":..,"timestamp":..,] | "id":"..",..}}
    delta    {"file":{"deltaSingleAction":{"add":{..,"path":"BASE | ENDING"[,"deletionVector":{..}]}},
              "expirationTimestamp":..,[..,]["deletionVectorFileId":"..",] | "id":".."}}

Polars renders the constant parts of many files at once. Python's work per file is its id, its signature and, where it
has a deletion vector, that vector's JSON.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from lakeshare.errors import UnsupportedTableFeature
from lakeshare.protocol import actions
from lakeshare.protocol.capabilities import ResponseFormat
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.formats.delta.deletion_vectors import deletion_vector_key
from lakeshare.tables.history import CommitTime

LAYOUT = 1
"""Another number for every change of what `constant_parts` gives: they are kept on disk."""


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How an answer tells its files: with fresh URLs that end at `expires_at_ms`.

    `root` is the table's location. With a `stamp` each line has its `version` and `timestamp`.
    """

    response_format: ResponseFormat
    sign_urls: UrlSigner
    expires_at_ms: int
    root: str
    stamp: CommitTime | None = None


def constant_parts(
    files: pl.DataFrame, response_format: ResponseFormat, bases: Sequence[str]
) -> tuple[pl.Series, pl.Series]:
    """Of each row of `Snapshot.files` or `Commit.files`, its line up to the URL's base, and from its id on.

    `bases` are those of the rows' URLs.
    """
    ids = [_file_id(path) for path in files["path"].to_list()]
    told = files.with_columns(pl.Series("base", bases, pl.String), pl.Series("id", ids, pl.String))
    kind = _kind(files, response_format)
    of_file = [*_partition_values(files), *_field(files, "size", pl.col("size"))]
    if response_format == "parquet":
        head = [pl.lit('{"'), kind, pl.lit('":{"url":"'), pl.col("base")]
        tail = [pl.lit('"id":"'), pl.col("id"), pl.lit('",'), *of_file, *_stats(files), pl.lit("}}\n")]
    else:
        of_file += _data_change(files)
        of_file += _extended_metadata(files)
        of_file += _field(files, "modificationTime", pl.col("modification_time"))
        of_file += _field(files, "baseRowId", pl.col("base_row_id"))
        of_file += _field(files, "defaultRowCommitVersion", pl.col("default_row_commit_version"))
        head = [pl.lit('{"file":{"deltaSingleAction":{"'), kind, pl.lit('":{'), *of_file, *_stats(files)]
        head += [pl.lit(',"path":"'), pl.col("base")]
        tail = [pl.lit('"id":"'), pl.col("id"), pl.lit('"}}\n')]
    parts = told.select(pl.concat_str(head).alias("head"), pl.concat_str(tail).alias("tail"))
    return _unbroken(parts["head"]), _unbroken(parts["tail"])


def fresh_parts(files: pl.DataFrame, style: LineStyle) -> list[str]:
    """What stands between the constant parts. `files` needs no columns but the path and those of deletion vectors.

    Raises UnsupportedTableFeature where a file with a deletion vector would have to be told in parquet format: its
    deleted rows would come back to life.
    """
    endings = style.sign_urls.endings(files["path"].to_list())
    shared = f'"expirationTimestamp":{style.expires_at_ms},'
    if style.stamp is not None:
        shared += f'"version":{style.stamp.version},"timestamp":{style.stamp.timestamp},'
    has_vectors = files["deletion_vector_id"].null_count() < files.height
    if style.response_format == "parquet":
        if has_vectors:
            raise _hidden_deletion_vectors()
        shared = '",' + shared
    else:
        if has_vectors:
            return _with_vectors(files, endings, style, shared)
        shared = '"}},' + shared
    return [ending + shared for ending in endings]


def unbroken(text: str) -> str:
    """JSON text without the line breaks that are legal inside of it: clients that split lines as Python's
    `str.splitlines` does would break there."""
    if text.isascii():
        return text
    for character, escape in _BREAKS.items():
        text = text.replace(character, escape)
    return text


_BREAKS = {"\u0085": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def _unbroken(text: pl.Series) -> pl.Series:
    """`unbroken` of every row."""
    if text.str.len_bytes().sum() == text.str.len_chars().sum():
        return text
    for character, escape in _BREAKS.items():
        text = text.str.replace_all(character, escape, literal=True)
    return text


def _file_id(path: str) -> str:
    return hashlib.md5(path.encode(), usedforsecurity=False).hexdigest()


def _kind(files: pl.DataFrame, response_format: ResponseFormat) -> pl.Expr:
    """The key of the innermost object."""
    if "action" not in files.columns:
        return pl.lit("file" if response_format == "parquet" else "add")
    if response_format == "parquet":
        return pl.col("action").replace("cdc", "cdf")
    return pl.col("action")


def _partition_values(files: pl.DataFrame) -> list[pl.Expr]:
    if "partition_values" not in files.columns:
        return [pl.lit('"partitionValues":{}')]
    return [pl.lit('"partitionValues":'), pl.col("partition_values").struct.json_encode()]


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


def _stats(files: pl.DataFrame) -> list[pl.Expr]:
    """As a JSON string of the log's own JSON."""
    text = pl.struct("stats").struct.json_encode().str.slice(len('{"stats":')).str.strip_suffix("}")
    return _field(files, "stats", text)


def _field(files: pl.DataFrame, name: str, value: pl.Expr) -> list[pl.Expr]:
    """`,"name":value`, and nothing where the column that the value is made from is null."""
    column = files[value.meta.root_names()[0]]
    if column.null_count() == files.height:
        return []
    parts = [pl.lit(f',"{name}":'), value]
    if column.null_count() == 0:
        return parts
    return [pl.when(pl.col(column.name).is_null()).then(pl.lit("")).otherwise(pl.concat_str(parts))]


def _hidden_deletion_vectors() -> UnsupportedTableFeature:
    return UnsupportedTableFeature(
        "The table has files with deletion vectors, which parquet format cannot tell.",
        hint="Use a client that sends delta-sharing-capabilities: responseformat=delta;readerfeatures=deletionvectors.",
    )


def _with_vectors(files: pl.DataFrame, endings: list[str], style: LineStyle, shared: str) -> list[str]:
    """The fresh parts of files some of which have deletion vectors."""
    vectors = files["deletion_vector"].to_list()
    keys = [
        vector and deletion_vector_key(vector["storage_type"], vector["path_or_inline_dv"], style.root)
        for vector in vectors
    ]
    in_files = list({key for key in keys if key is not None})
    urls = dict(zip(in_files, style.sign_urls(in_files), strict=True))
    return [
        f'{ending}"}}}},{shared}' if vector is None else ending + _vector_part(vector, key, urls, shared)
        for ending, vector, key in zip(endings, vectors, keys, strict=True)
    ]


def _vector_part(vector: dict[str, Any], key: str | None, urls: dict[str, str], shared: str) -> str:
    """A vector in a file is told by that file's URL, whatever the log has for its path; an inline one as it is."""
    told = actions.DeletionVector(
        storage_type="i" if key is None else "p",
        path_or_inline_dv=vector["path_or_inline_dv"] if key is None else urls[key],
        offset=vector["offset"],
        size_in_bytes=vector["size_in_bytes"],
        cardinality=vector["cardinality"],
    )
    file_id = "" if key is None else f'"deletionVectorFileId":"{_file_id(key)}",'
    return f'","deletionVector":{unbroken(msgspec.json.encode(told).decode())}}}}},{shared}{file_id}'
