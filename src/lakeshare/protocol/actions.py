"""The lines of a query's answer (PROTOCOL.md, "API Response Actions in Parquet Format" and "... in Delta Format").

Every line is an object with one of `Line`'s fields. What differs between the formats is optional here.
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
    min_reader_version: int | None = None
    delta_protocol: DeltaProtocol | None = None


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
    """A data file in parquet format. `size` is in bytes, `expiration_timestamp` in epoch milliseconds."""

    url: str
    id: str
    partition_values: dict[str, str | None]
    size: int
    stats: str | None = None
    expiration_timestamp: int | None = None


class EndStreamAction(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    refresh_token: str | None = None
    next_page_token: str | None = None
    min_url_expiration_timestamp: int | None = None
    error_message: str | None = None


class Line(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    protocol: Protocol | None = None
    meta_data: Metadata | None = None
    file: File | None = None
    end_stream_action: EndStreamAction | None = None
