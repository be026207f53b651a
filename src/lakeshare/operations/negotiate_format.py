"""Which response format a table is served in (PROTOCOL.md, "responseFormat" and "readerFeatures")."""

from lakeshare.errors import UnsupportedTableFeature
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.tables.base import Snapshot, TableProtocol

LOG_ONLY_FEATURES = frozenset({"v2Checkpoint", "vacuumProtocolCheck"})
"""Reader features that concern the log, which recipients never read."""

DELTA_FORMAT_FEATURES = frozenset({"timestampNtz"})
"""Reader features that are served, to clients that offer them, in delta format only."""


def negotiate_format(snapshot: Snapshot, capabilities: Capabilities, shown_as: str) -> ResponseFormat:
    """The format of the answer. Parquet wherever the client takes it and the table allows it.

    Raises UnsupportedTableFeature, which names the features, where the table needs what is not served, or what the
    client did not offer.
    """
    needed = _reader_features(snapshot) - LOG_ONLY_FEATURES
    unserved = sorted(needed - DELTA_FORMAT_FEATURES)
    if unserved:
        raise UnsupportedTableFeature(
            f"The table '{shown_as}' needs the reader feature{'s' * (len(unserved) > 1)} {', '.join(unserved)}, "
            "which this server does not serve yet.",
            hint="Ask the provider for a copy without it.",
        )
    if not needed and "parquet" in capabilities.formats:
        return "parquet"
    missing = sorted(feature for feature in needed if feature.lower() not in capabilities.reader_features)
    if "delta" not in capabilities.formats or missing:
        raise UnsupportedTableFeature(
            f"The table '{shown_as}' needs the reader feature{'s' * (len(needed) > 1)} {', '.join(sorted(needed))}.",
            hint="Use a client that sends delta-sharing-capabilities: responseformat=delta;readerfeatures="
            f"{','.join(sorted(needed)).lower()}.",
        )
    return "delta"


def _reader_features(snapshot: Snapshot) -> set[str]:
    """The reader features that are in force, by name, whatever protocol version says so."""
    features = set(_listed_features(snapshot.protocol))
    if snapshot.protocol.min_reader_version >= 2:  # noqa: PLR2004  version 2 means column mapping
        mapping = snapshot.metadata.configuration.get("delta.columnMapping.mode", "none")
        if mapping == "none":
            features.discard("columnMapping")
        elif snapshot.protocol.min_reader_version == 2:  # noqa: PLR2004
            features.add("columnMapping")
    if snapshot.files["deletion_vector_id"].null_count() < snapshot.num_files:
        features.add("deletionVectors")
    return features


def _listed_features(protocol: TableProtocol) -> tuple[str, ...]:
    newest = 3
    if protocol.min_reader_version > newest:
        return (f"reader version {protocol.min_reader_version}",)
    return protocol.reader_features or ()
