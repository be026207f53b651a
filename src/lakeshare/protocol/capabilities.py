"""The `delta-sharing-capabilities` and `fileidhash` headers (PROTOCOL.md, "Delta Sharing Capabilities Header")."""

from dataclasses import dataclass
from typing import Literal, cast

from lakeshare.errors import InvalidValue

HEADER = "delta-sharing-capabilities"
FILE_ID_HASH_HEADER = "fileidhash"

ResponseFormat = Literal["parquet", "delta"]
FileIdHash = Literal["parquet", "delta"]
"""The scheme that files' ids are made by (PROTOCOL.md, "File ID Hash Header")."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client says that it understands. `formats` keeps the client's order; features are in lower case."""

    formats: tuple[ResponseFormat, ...] = ("parquet",)
    reader_features: frozenset[str] = frozenset()
    include_end_stream_action: bool = False
    async_query: bool = False
    file_id_hash: FileIdHash | None = None


def parse_capabilities(header: str | None, file_id_hash: str | None = None) -> Capabilities:
    """Read the two headers. Unknown capabilities and values are ignored; no known format means parquet.

    Raises InvalidValue for a `fileidhash` that is not known.
    """
    given: dict[str, list[str]] = {}
    for part in (header or "").lower().split(";"):
        key, _, values = part.partition("=")
        given[key.strip()] = [value.strip() for value in values.split(",") if value.strip()]
    formats = dict.fromkeys(value for value in given.get("responseformat", ()) if value in ("parquet", "delta"))
    return Capabilities(
        formats=cast("tuple[ResponseFormat, ...]", tuple(formats)) or ("parquet",),
        reader_features=frozenset(given.get("readerfeatures", ())),
        include_end_stream_action=given.get("includeendstreamaction") == ["true"],
        async_query=given.get("asyncquery") == ["true"],
        file_id_hash=_parse_file_id_hash(file_id_hash),
    )


def render_capabilities(response_format: ResponseFormat, *, include_end_stream_action: bool) -> str:
    """The header of an answer."""
    return f"responseformat={response_format}" + (";includeEndStreamAction=true" if include_end_stream_action else "")


def _parse_file_id_hash(header: str | None) -> FileIdHash | None:
    if header is None:
        return None
    scheme = header.strip().lower()
    if scheme not in ("parquet", "delta"):
        raise InvalidValue(f"{FILE_ID_HASH_HEADER} is {header[:40]!r}.", hint="Send parquet or delta, or leave it out.")
    return cast("FileIdHash", scheme)
