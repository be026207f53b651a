"""Data files at presigned URLs to Polars frames of the table's schema."""

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from polars.exceptions import ColumnNotFoundError, PolarsError, SchemaError

from lakeshare.client.partition_values import parse_partition_values
from lakeshare.datafiles.schema import polars_schema
from lakeshare.errors import InvalidValue, LakeshareError, TableUnreadable, Unavailable, UnsupportedTableFeature
from lakeshare.protocol.actions import File, Metadata

if TYPE_CHECKING:
    from polars._typing import PolarsDataType

BATCH_BYTES = 64 * 1024 * 1024
BATCH_FILES = 256
FOOTERS_AT_ONCE = 32

_URL = "\x00url"  # no column has such a name
_CASTS = pl.ScanCastOptions(
    integer_cast=["upcast", "allow-float"],
    float_cast="upcast",
    datetime_cast=["nanosecond-downcast", "millisecond-upcast", "convert-timezone"],
    missing_struct_fields="insert",
    extra_struct_fields="raise",
    categorical_to_string="allow",
)


@dataclass(frozen=True, slots=True)
class TableLayout:
    """The columns of a table, in order, and which of them are partition columns, whose values files do not hold."""

    schema: Mapping[str, pl.DataType]
    partition_columns: tuple[str, ...]

    @property
    def data_schema(self) -> dict[str, pl.DataType]:
        return {name: dtype for name, dtype in self.schema.items() if name not in self.partition_columns}


def table_layout(metadata: Metadata) -> TableLayout:
    """Raises UnsupportedTableFeature for column mapping, TableUnreadable for a schema that cannot be understood."""
    schema_string = metadata.schema_string or ""
    mode = (metadata.configuration or {}).get("delta.columnMapping.mode", "none")
    if mode != "none" or "delta.columnMapping.physicalName" in schema_string:
        raise UnsupportedTableFeature(
            "The table uses column mapping, which this client does not read yet.",
            hint="Ask the provider for a copy without it, or read it with Apache Spark.",
        )
    schema = polars_schema(schema_string)
    partition_columns = metadata.partition_columns or ()
    unknown = [name for name in partition_columns if name not in schema]
    if unknown:
        raise TableUnreadable(f"The table's partition column {unknown[0]!r} is not in its schema.")
    return TableLayout(schema, partition_columns)


def check_columns(layout: TableLayout, columns: Sequence[str] | None) -> list[str]:
    """The columns to read, all where None. Raises InvalidValue for one that the table has not, or a repeated one."""
    if columns is None:
        return list(layout.schema)
    for name in columns:
        if name not in layout.schema:
            raise InvalidValue(f"The table has no column {name!r}.", hint=f"It has: {', '.join(layout.schema)}.")
    if len(set(columns)) < len(columns):
        raise InvalidValue(f"A column is named twice: {', '.join(columns)}.")
    return list(columns)


def read_files(
    layout: TableLayout,
    files: Sequence[File],
    columns: Sequence[str],
    limit: int | None = None,
    predicate: pl.Expr | None = None,
) -> pl.DataFrame:
    """The rows of the files: the first `limit` of them, less those that `predicate` rules out.

    Raises TableUnreadable for a file that does not fit the schema, Unavailable for one that cannot be fetched.
    """
    if not files or limit == 0:
        return pl.DataFrame(schema=dict(layout.schema)).select(columns)
    try:
        return _collect(_scan_alike(layout, files), columns, limit, predicate)
    except (SchemaError, ColumnNotFoundError):
        return _collect(_scan_one_by_one(layout, files), columns, limit, predicate, reread=True)


def split_files(files: Sequence[File]) -> Iterator[list[File]]:
    """The files in batches that fit into memory together."""
    batch: list[File] = []
    size = 0
    for file in files:
        if batch and (size + file.size > BATCH_BYTES or len(batch) == BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def _scan_alike(layout: TableLayout, files: Sequence[File]) -> pl.LazyFrame:
    """One scan of all files, by the table's schema.

    Polars gives null for missing columns and widens types. It refuses what this does not cover: narrower conversions,
    and extra columns, which may be ours in another case.
    """
    return _with_partition_values(_scan(files, layout.data_schema), layout, files)


def _scan_one_by_one(layout: TableLayout, files: Sequence[File]) -> pl.LazyFrame:
    """Reads every footer first, scans files of one schema together, and casts their columns to the table's."""
    with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
        footers = list(pool.map(_file_schema, files))
    alike: dict[tuple[tuple[str, PolarsDataType], ...], list[File]] = {}
    for file, footer in zip(files, footers, strict=True):
        alike.setdefault(tuple(footer.items()), []).append(file)
    return pl.concat(
        [
            _with_partition_values(
                _scan(group, dict(columns)).select(*_conform(dict(columns), layout.data_schema), _URL), layout, group
            )
            for columns, group in alike.items()
        ]
    )


def _scan(files: Sequence[File], schema: Mapping[str, "PolarsDataType"]) -> pl.LazyFrame:
    return pl.scan_parquet(
        [file.url for file in files],
        glob=False,
        hive_partitioning=False,
        schema=schema,
        missing_columns="insert",
        extra_columns="raise",
        cast_options=_CASTS,
        include_file_paths=_URL,
    )


def _with_partition_values(frame: pl.LazyFrame, layout: TableLayout, files: Sequence[File]) -> pl.LazyFrame:
    urls = [file.url for file in files]
    return frame.with_columns(
        pl.col(_URL)
        .replace_strict(
            urls,
            parse_partition_values([file.partition_values.get(name) for file in files], name, layout.schema[name]),
            return_dtype=layout.schema[name],
        )
        .alias(name)
        for name in layout.partition_columns
    )


def _file_schema(file: File) -> dict[str, "PolarsDataType"]:
    try:
        schema = pl.scan_parquet([file.url], glob=False, hive_partitioning=False).collect_schema()
    except (PolarsError, OSError) as error:
        raise _unreadable(error) from None
    return {name: _in_microseconds(dtype) for name, dtype in schema.items()}


def _in_microseconds(dtype: "PolarsDataType") -> "PolarsDataType":
    """Delta's resolution. Legacy int96 timestamps show as nanoseconds, which end in the year 2262."""
    match dtype:
        case pl.Datetime(time_unit="ns"):
            return pl.Datetime("us", dtype.time_zone)
        case pl.List():
            return pl.List(_in_microseconds(dtype.inner))
        case pl.Map():
            return pl.Map(_in_microseconds(dtype.key), _in_microseconds(dtype.value))
        case pl.Struct():
            return pl.Struct({field.name: _in_microseconds(field.dtype) for field in dtype.fields})
        case _:
            return dtype


def _conform(columns: Mapping[str, "PolarsDataType"], target: Mapping[str, pl.DataType]) -> Iterator[pl.Expr]:
    """The table's columns out of a file's, whose names may differ in case, as Spark allows."""
    folded = {name.casefold(): name for name in columns}
    for name, dtype in target.items():
        found = name if name in columns else folded.get(name.casefold())
        if found is not None and _differ_in_case(_field_names(columns[found]), _field_names(dtype)):
            raise TableUnreadable(f"A data file spells the fields inside column {name!r} in another case.")
        yield (pl.lit(None) if found is None else pl.col(found)).cast(dtype).alias(name)


def _differ_in_case(names: set[str], others: set[str]) -> bool:
    return not {name.casefold() for name in names - others}.isdisjoint(name.casefold() for name in others - names)


def _field_names(dtype: "PolarsDataType") -> set[str]:
    match dtype:
        case pl.List():
            return _field_names(dtype.inner)
        case pl.Map():
            return _field_names(dtype.key) | _field_names(dtype.value)
        case pl.Struct():
            return {field.name for field in dtype.fields}.union(*(_field_names(field.dtype) for field in dtype.fields))
        case _:
            return set()


def _collect(
    frame: pl.LazyFrame, columns: Sequence[str], limit: int | None, predicate: pl.Expr | None, *, reread: bool = False
) -> pl.DataFrame:
    if limit is not None:
        frame = frame.head(limit)
    if predicate is not None:
        frame = frame.filter(predicate)
    try:
        return frame.select(columns).collect()
    except (SchemaError, ColumnNotFoundError) as error:
        if reread:
            raise _unreadable(error) from None
        raise
    except (PolarsError, OSError) as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> LakeshareError:
    """What a failure of Polars means. Its text stays in `detail`, without the URLs' signatures."""
    detail = re.sub(r"\?[^\s'\"]*", "?...", str(error))
    match error:
        case PermissionError():
            return Unavailable(
                "The store refused a data file's URL: it has expired, or this address may not fetch it.",
                hint="Read the table again.",
                detail=detail,
            )
        case FileNotFoundError():
            return Unavailable(
                "A data file of this table version is gone from the store.",
                hint="Read the table again; if that fails too, tell the provider.",
                detail=detail,
            )
        case OSError():
            return Unavailable(
                "A data file could not be fetched.", hint="Check the network, and try again.", detail=detail
            )
        case _:
            return TableUnreadable(
                f"A data file cannot be read by the table's schema: {detail.splitlines()[0][:300]}",
                hint="Tell the provider.",
                detail=detail,
            )
