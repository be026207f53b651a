"""The lines of a query's answer (PROTOCOL.md, "API Response Actions in Parquet Format" and "... in Delta Format").

Every line is an object with one of `Line`'s fields, or of `DeltaLine`'s in delta format. Their protocol, metaData,
queryStatus and endStreamAction are the same structs: what differs between the formats is optional in them.
Sizes are in bytes, times in epoch milliseconds.
"""

import msgspec


class Format(msgspec.Struct, frozen=True):
    provider: str = "parquet"


class DeltaProtocol(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    min_reader_version: int
    min_writer_version: int
    reader_features: tuple[str, ...] | None = None
    writer_features: tuple[str, ...] | None = None


class Protocol(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`min_reader_version` in parquet format, the others in delta format; `version` where history is told with it."""

    min_reader_version: int | None = None
    delta_protocol: DeltaProtocol | None = None
    version: int | None = None


class DeltaFormat(msgspec.Struct, frozen=True):
    """Delta's own format, whose options readers insist on, empty as they are."""

    provider: str = "parquet"
    options: dict[str, str] = {}


class DeltaMetadata(msgspec.Struct, frozen=True, rename="camel"):
    """Delta's own metaData action, as its log has it."""

    id: str
    format: DeltaFormat
    schema_string: str
    partition_columns: tuple[str, ...]
    configuration: dict[str, str]
    name: str | msgspec.UnsetType | None = msgspec.UNSET
    description: str | msgspec.UnsetType | None = msgspec.UNSET
    created_time: int | msgspec.UnsetType | None = msgspec.UNSET


class Metadata(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`id` to `configuration` in parquet format, `delta_metadata` in delta format; sizes are in bytes."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    format: Format | None = None
    schema_string: str | None = None
    partition_columns: tuple[str, ...] | None = None
    configuration: dict[str, str] | None = None
    delta_metadata: DeltaMetadata | None = None
    version: int | None = None
    size: int | None = None
    num_files: int | None = None
    access_modes: tuple[str, ...] | None = None


class File(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A data file in parquet format. `version` and `timestamp` are the commit's, where the query asks for history."""

    url: str
    id: str
    partition_values: dict[str, str | None]
    size: int
    stats: str | None = None
    version: int | None = None
    timestamp: int | None = None
    expiration_timestamp: int | None = None


class AddFile(File, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """A file whose rows a commit inserted, in parquet format."""

    version: int
    timestamp: int


class ChangeFile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A file of recorded changes (`cdf`), or one whose rows a commit deleted (`remove`), in parquet format."""

    url: str
    id: str
    partition_values: dict[str, str | None]
    size: int
    timestamp: int
    version: int
    expiration_timestamp: int | None = None


class DeletionVector(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Delta's descriptor: `path_or_inline_dv` is a URL where the type is p, the z85 text itself where it is i."""

    storage_type: str
    path_or_inline_dv: str
    size_in_bytes: int
    cardinality: int
    offset: int | None = None


class DeltaFileAction(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Delta's add, cdc or remove. `path` is a URL; partition values go by the columns' physical names."""

    path: str
    partition_values: dict[str, str | None] = {}
    data_change: bool | None = None
    size: int | None = None
    modification_time: int | None = None
    stats: str | None = None
    deletion_vector: DeletionVector | None = None
    base_row_id: int | None = None
    default_row_commit_version: int | None = None


class DeltaSingleAction(msgspec.Struct, frozen=True, omit_defaults=True):
    add: DeltaFileAction | None = None
    cdc: DeltaFileAction | None = None
    remove: DeltaFileAction | None = None


class DeltaFile(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A file in delta format. `deletion_vector_file_id` is there where the deletion vector has a URL."""

    id: str
    delta_single_action: DeltaSingleAction
    deletion_vector_file_id: str | None = None
    version: int | None = None
    timestamp: int | None = None
    expiration_timestamp: int | None = None


class QueryStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How an asynchronous query stands: "pending", or "failed" with a code and a message, which PROTOCOL.md does not
    name."""

    query_id: str
    status: str
    error_code: str | None = None
    error_message: str | None = None


class EndStreamAction(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """The last line. `http_status_error_code` is not in PROTOCOL.md, but Spark's connector reads it."""

    refresh_token: str | None = None
    next_page_token: str | None = None
    min_url_expiration_timestamp: int | None = None
    error_message: str | None = None
    http_status_error_code: int | None = None


class Line(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A line in parquet format."""

    protocol: Protocol | None = None
    meta_data: Metadata | None = None
    file: File | None = None
    add: AddFile | None = None
    cdf: ChangeFile | None = None
    remove: ChangeFile | None = None
    query_status: QueryStatus | None = None
    end_stream_action: EndStreamAction | None = None


class DeltaLine(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A line in delta format."""

    protocol: Protocol | None = None
    meta_data: Metadata | None = None
    file: DeltaFile | None = None
    query_status: QueryStatus | None = None
    end_stream_action: EndStreamAction | None = None
