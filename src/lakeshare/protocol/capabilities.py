"""The `delta-sharing-capabilities` header (PROTOCOL.md, "Delta Sharing Capabilities Header")."""

from dataclasses import dataclass
from typing import Literal, cast

HEADER = "delta-sharing-capabilities"

ResponseFormat = Literal["parquet", "delta"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client says that it understands. `formats` keeps the client's order; features are in lower case."""

    formats: tuple[ResponseFormat, ...] = ("parquet",)
    reader_features: frozenset[str] = frozenset()
    include_end_stream_action: bool = False


def parse_capabilities(header: str | None) -> Capabilities:
    """Read the header. Unknown capabilities and values are ignored; no known format means parquet."""
    if not header:
        return Capabilities()
    given: dict[str, list[str]] = {}
    for part in header.lower().split(";"):
        key, _, values = part.partition("=")
        given[key.strip()] = [value.strip() for value in values.split(",") if value.strip()]
    formats = dict.fromkeys(value for value in given.get("responseformat", ()) if value in ("parquet", "delta"))
    return Capabilities(
        formats=cast("tuple[ResponseFormat, ...]", tuple(formats)) or ("parquet",),
        reader_features=frozenset(given.get("readerfeatures", ())),
        include_end_stream_action=given.get("includeendstreamaction") == ["true"],
    )
