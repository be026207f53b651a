"""Parquet checkpoints and sidecars: columns straight from the file, never one object a row."""

from typing import Any, BinaryIO

import msgspec
import polars as pl
from polars.datatypes import DataTypeClass

from lakeshare.errors import TableUnreadable
from lakeshare.tables.base import DELETION_VECTOR
from lakeshare.tables.formats.delta.actions import NO_FILES, Actions, Metadata, Protocol, table_metadata, table_protocol


def parse_checkpoint(file: BinaryIO, *, files: bool = True) -> Actions:
    """The actions of a Parquet checkpoint (or one part of it, or a sidecar). Its removes are tombstones: left out.

    So are its files and sidecars where they are not wanted. Of a real file, no more than a few row groups are in memory
    before they are decoded. Raises TableUnreadable where the file is no checkpoint.
    """
    try:
        scan = _scan(file)
        head = _head(scan, files=files)
        protocol, metadata = _last(head["protocol"]), _last(head["metaData"])
        return Actions(
            files=_files(file, scan) if files else NO_FILES,
            protocol=table_protocol(msgspec.convert(protocol, Protocol)) if protocol else None,
            metadata=table_metadata(msgspec.convert(metadata, Metadata)) if metadata else None,
            sidecars=tuple(head["sidecar"].struct.field("path").drop_nulls()) if files else (),
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, msgspec.ValidationError) as error:
        # Polars panics on some damaged files, and a panic is no Exception; where a file is too short, it is an OSError.
        raise TableUnreadable("its checkpoint is malformed", detail=str(error)) from error


_TEXT_MAP = pl.Map(pl.String, pl.String)
_SCHEMA = pl.Schema(
    {
        "add": pl.Struct(
            {
                "path": pl.String,
                "partitionValues": _TEXT_MAP,
                "size": pl.Int64,
                "modificationTime": pl.Int64,
                "stats": pl.String,
                "deletionVector": pl.Struct(
                    {
                        "storageType": pl.String,
                        "pathOrInlineDv": pl.String,
                        "offset": pl.Int32,
                        "sizeInBytes": pl.Int32,
                        "cardinality": pl.Int64,
                    }
                ),
                "baseRowId": pl.Int64,
                "defaultRowCommitVersion": pl.Int64,
            }
        ),
        "protocol": pl.Struct(
            {
                "minReaderVersion": pl.Int32,
                "minWriterVersion": pl.Int32,
                "readerFeatures": pl.List(pl.String),
                "writerFeatures": pl.List(pl.String),
            }
        ),
        "metaData": pl.Struct(
            {
                "id": pl.String,
                "name": pl.String,
                "description": pl.String,
                "schemaString": pl.String,
                "partitionColumns": pl.List(pl.String),
                "configuration": _TEXT_MAP,
                "createdTime": pl.Int64,
            }
        ),
        "sidecar": pl.Struct({"path": pl.String}),
    }
)
_ADD = pl.col("add").struct


def _scan(file: BinaryIO) -> pl.LazyFrame:
    """The file under our schema: what it lacks is null, what it has beside is not read."""
    casts = pl.ScanCastOptions(integer_cast="upcast", missing_struct_fields="insert", extra_struct_fields="ignore")
    return pl.scan_parquet(file, schema=_SCHEMA, cast_options=casts, missing_columns="insert", extra_columns="ignore")


def _files(file: BinaryIO, scan: pl.LazyFrame) -> pl.DataFrame:
    files = (
        scan.filter(_ADD.field("path").is_not_null())
        .select(
            _ADD.field("path"),
            _ADD.field("size"),
            _ADD.field("modificationTime").alias("modification_time"),
            _ADD.field("stats"),
            *_rarely_there(file),
            pl.lit("add").alias("action"),
            _ADD.field("partitionValues").alias("partition_values"),
        )
        .collect()
    )
    if files.select(pl.col("size", "modification_time").has_nulls()).row(0) != (False, False):
        raise TableUnreadable("its checkpoint names a file without a size or a time")
    if "deletion_vector" in files.columns:
        files = _with_vector_ids(files)
    if files["stats"].has_nulls() and (parsed := _stats_from_columns(file)) is not None:
        files = files.with_columns(pl.col("stats").fill_null(parsed))
    keys = files["partition_values"].map.keys().explode().unique().drop_nulls().sort()
    if keys.is_empty():
        return files.drop("partition_values")
    values = pl.col("partition_values").map
    return files.with_columns(pl.struct(values.get(key).alias(key) for key in keys).alias("partition_values"))


def _rarely_there(file: BinaryIO) -> list[pl.Expr]:
    """The columns that most checkpoints lack, of those that this one has: a million nulls are not free."""
    dtype = pl.read_parquet_schema(file).get("add")
    there = {field.name for field in dtype.fields} if isinstance(dtype, pl.Struct) else set()
    return [_ADD.field(written).alias(name) for written, name in _RARE.items() if written in there]


_RARE = {
    "deletionVector": "deletion_vector",
    "baseRowId": "base_row_id",
    "defaultRowCommitVersion": "default_row_commit_version",
}


def _with_vector_ids(files: pl.DataFrame) -> pl.DataFrame:
    """Delta's unique id of a deletion vector: its storage type and place, then `@offset` where it has one."""
    given = pl.col("deletion_vector").struct
    if files["deletion_vector"].struct.unnest().select(pl.all().is_null().all()).row(0) == (True,) * 5:
        return files.drop("deletion_vector")
    place = given.field("storageType") + given.field("pathOrInlineDv")
    named = files.with_columns(
        (place + pl.format("@{}", given.field("offset")).fill_null("")).alias("deletion_vector_id"),
        given.rename_fields([field.name for field in DELETION_VECTOR.fields]).alias("deletion_vector"),
    )
    nameless = pl.col("deletion_vector_id").is_null()
    vector = pl.col("deletion_vector").struct
    if named.select((nameless & pl.any_horizontal(vector.unnest().is_not_null())).any()).item():
        raise TableUnreadable("its checkpoint has a malformed deletion vector")
    return named.with_columns(pl.when(~nameless).then("deletion_vector").alias("deletion_vector"))


def _stats_from_columns(file: BinaryIO) -> pl.Series | None:
    """The statistics of a checkpoint that keeps them as columns, as the JSON that a commit would hold."""
    add = pl.read_parquet_schema(file).get("add")
    if not isinstance(add, pl.Struct):
        return None
    dtype = add.to_schema().get("stats_parsed")
    if not isinstance(dtype, pl.Struct):
        return None
    stats = _ADD.field("stats_parsed")
    text = pl.when(stats.is_not_null()).then(_jsonable(stats, dtype).struct.json_encode())
    rows = pl.scan_parquet(file).filter(_ADD.field("path").is_not_null())
    return rows.select(text.alias("stats")).collect().to_series()


def _jsonable(value: pl.Expr, dtype: pl.DataType | DataTypeClass) -> pl.Expr:
    """Times as ISO 8601, which is how Delta writes them."""
    if isinstance(dtype, pl.Struct):
        return pl.struct(
            _jsonable(value.struct.field(field.name), field.dtype).alias(field.name) for field in dtype.fields
        )
    if isinstance(dtype, pl.Datetime):
        return value.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f" + ("Z" if dtype.time_zone else ""))
    return value


def _head(scan: pl.LazyFrame, *, files: bool) -> pl.DataFrame:
    """The few rows that are about no file; with the sidecars where files are wanted."""
    columns = ["protocol", "metaData", "sidecar"] if files else ["protocol", "metaData"]
    return scan.select(columns).filter(pl.any_horizontal(pl.col(columns).is_not_null())).collect()


def _last(actions: pl.Series) -> dict[str, Any] | None:
    """The last action of a kind, without the fields that it leaves out."""
    rows = actions.drop_nulls()
    return {name: value for name, value in rows[-1].items() if value is not None} if len(rows) else None
