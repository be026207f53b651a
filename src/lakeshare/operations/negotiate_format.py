"""Which response format a table is served in (PROTOCOL.md, "responseFormat" and "readerFeatures").

Delta's protocol lists what a table *may* use. What decides is what it does use: a table that once allowed deletion
vectors, and has none, is as plain as any other. In delta format the list is passed on as it is, and the recipient's
Delta library has the last word.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from lakeshare.errors import TableUnreadable, UnsupportedTableFeature
from lakeshare.protocol.capabilities import HEADER, Capabilities, ResponseFormat
from lakeshare.tables.base import Snapshot, TableMetadata, TableProtocol

NEWEST_READER_VERSION = 3


def negotiate_snapshot(snapshot: Snapshot, capabilities: Capabilities, shown_as: str) -> ResponseFormat:
    """The format for one version of a table. Raises as `negotiate_format` does."""
    has_vectors = snapshot.files.has_deletion_vectors()
    return negotiate_format(snapshot.protocol, snapshot.metadata, has_vectors, capabilities, shown_as)


def negotiate_format(
    protocol: TableProtocol,
    metadata: TableMetadata,
    has_deletion_vectors: bool,
    capabilities: Capabilities,
    shown_as: str,
) -> ResponseFormat:
    """The format of an answer. Parquet wherever the client takes it and the table allows it.

    Raises UnsupportedTableFeature, which names the features, where the table needs what is not served, or what the
    client did not offer; TableUnreadable where its schema is none.
    """
    return negotiate_range([(protocol, metadata)], has_deletion_vectors, capabilities, shown_as)


def negotiate_range(
    versions: Iterable[tuple[TableProtocol, TableMetadata]],
    has_deletion_vectors: bool,
    capabilities: Capabilities,
    shown_as: str,
) -> ResponseFormat:
    """The one format for an answer about several versions: what any of them needs, the whole answer needs.

    `versions`: the protocol and metadata of the first, and of every version that changed one of them.
    `has_deletion_vectors`: whether a file of the answer has one. Raises as `negotiate_format` does.
    """
    needed = {"deletionVectors"} if has_deletion_vectors else set[str]()
    for protocol, metadata in versions:
        needed |= _needed_features(protocol, metadata)
    if unknown := needed - _USED.keys():
        raise UnsupportedTableFeature(
            f"The table '{shown_as}' needs {_named(unknown)}, which this server does not serve.",
            hint="Ask the provider for a copy without it.",
        )
    if not needed and "parquet" in capabilities.formats:
        return "parquet"
    missing = {feature for feature in needed if feature.lower() not in capabilities.reader_features}
    if missing or "delta" not in capabilities.formats:
        header = f"{HEADER}: responseformat=delta;readerfeatures={','.join(sorted(needed)).lower()}"
        raise UnsupportedTableFeature(
            f"The table '{shown_as}' needs {_named(missing or needed)}, which the client did not offer to read.",
            hint=f"Use a client that sends {header}.",
        )
    return "delta"


def _needed_features(protocol: TableProtocol, metadata: TableMetadata) -> set[str]:
    """The reader features that a version uses, and all that we do not know."""
    listed = _listed_features(protocol) - LOG_ONLY_FEATURES
    return {feature for feature in listed if feature not in _USED or _USED[feature](metadata)}


def _listed_features(protocol: TableProtocol) -> frozenset[str]:
    """The reader features by name, whatever protocol version says so."""
    if protocol.min_reader_version > NEWEST_READER_VERSION:
        return frozenset({f"reader version {protocol.min_reader_version}"})
    if protocol.min_reader_version == NEWEST_READER_VERSION:
        return frozenset(protocol.reader_features or ())
    return frozenset({"columnMapping"} if protocol.min_reader_version > 1 else ())


def _named(features: Iterable[str]) -> str:
    names = sorted(features)
    return f"the reader feature{'s' * (len(names) > 1)} {', '.join(names)}"


LOG_ONLY_FEATURES = frozenset({"v2Checkpoint", "vacuumProtocolCheck"})
"""Reader features that concern the log, which recipients never read."""


def _maps_columns(metadata: TableMetadata) -> bool:
    return metadata.configuration.get("delta.columnMapping.mode", "none") != "none"


def _has_type(name: str) -> Callable[[TableMetadata], bool]:
    return lambda metadata: any(node.get(key) == name for node in _schema_nodes(metadata) for key in _TYPE_KEYS)


def _has_widened(metadata: TableMetadata) -> bool:
    notes = (node.get("metadata") for node in _schema_nodes(metadata))
    return any(isinstance(note, dict) and "delta.typeChanges" in note for note in notes)


_TYPE_KEYS = ("type", "elementType", "keyType", "valueType")


def _schema_nodes(metadata: TableMetadata) -> Iterator[dict[str, Any]]:
    """The fields and types of a schema's JSON, at every depth."""
    try:
        nodes = [msgspec.json.decode(metadata.schema_string)]
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise TableUnreadable("The table's schema cannot be read.", detail=f"schemaString: {error}") from error
    while nodes:
        node = nodes.pop()
        if isinstance(node, list):
            nodes += node
        elif isinstance(node, dict):
            yield node
            nodes += [value for key, value in node.items() if key != "metadata"]


_USED: dict[str, Callable[[TableMetadata], bool]] = {
    "columnMapping": _maps_columns,
    "deletionVectors": lambda _: False,  # the files tell, not the metadata
    "timestampNtz": _has_type("timestamp_ntz"),
    "typeWidening": _has_widened,
    "typeWidening-preview": _has_widened,
    "variantShredding": _has_type("variant"),
    "variantShredding-preview": _has_type("variant"),
    "variantType": _has_type("variant"),
    "variantType-preview": _has_type("variant"),
}
"""The reader features that delta format serves, and how a version's metadata shows that it uses them."""
