import json

import pytest

from lakeshare.errors import TableUnreadable, UnsupportedTableFeature
from lakeshare.operations.negotiate_format import negotiate_format, negotiate_range
from lakeshare.protocol.capabilities import Capabilities, parse_capabilities
from lakeshare.tables.base import TableMetadata, TableProtocol

PARQUET = Capabilities()
OFFICIAL_PYTHON = parse_capabilities(
    "responseformat=delta,parquet;readerfeatures=deletionvectors,columnmapping,timestampntz"
)
SPARK = parse_capabilities(
    "responseformat=parquet,delta;readerfeatures=deletionVectors,columnMapping,timestampNtz,typeWidening-preview,"
    "typeWidening,variantType-preview,variantType,variantShredding-preview;includeendstreamaction=true"
)
DELTA_ONLY = parse_capabilities("responseformat=delta")


def protocol(*features: str, version: int = 3) -> TableProtocol:
    return TableProtocol(version, 7, reader_features=features if version >= 3 else None)


def metadata(*fields: dict, **configuration: str) -> TableMetadata:
    schema = {"type": "struct", "fields": [{"name": "id", "type": "long", "nullable": True, "metadata": {}}, *fields]}
    return TableMetadata("id", json.dumps(schema), (), configuration=configuration)


def field(kind, **notes) -> dict:
    return {"name": "c", "type": kind, "nullable": True, "metadata": notes}


NTZ = metadata(field("timestamp_ntz"))
MAPPED = metadata(**{"delta.columnMapping.mode": "name"})
VARIANT = metadata(field("variant"))
WIDENED = metadata(
    field("long", **{"delta.typeChanges": [{"fromType": "integer", "toType": "long", "tableVersion": 2}]})
)

IN_USE = [
    ("deletionVectors", metadata(), True),
    ("columnMapping", MAPPED, False),
    ("timestampNtz", NTZ, False),
    ("timestampNtz", metadata(field({"type": "array", "elementType": "timestamp_ntz", "containsNull": True})), False),
    ("timestampNtz", metadata(field({"type": "map", "keyType": "timestamp_ntz", "valueType": "long"})), False),
    ("timestampNtz", metadata(field({"type": "struct", "fields": [field("timestamp_ntz")]})), False),
    ("typeWidening", WIDENED, False),
    ("typeWidening-preview", WIDENED, False),
    (
        "typeWidening",
        metadata(field({"type": "struct", "fields": [field("long", **{"delta.typeChanges": []})]})),
        False,
    ),
    ("variantType", VARIANT, False),
    ("variantType-preview", VARIANT, False),
    ("variantShredding", VARIANT, False),
    ("variantShredding-preview", VARIANT, False),
]


@pytest.mark.parametrize(("feature", "described", "vectors"), IN_USE)
def test_a_feature_in_use_needs_delta_format_and_the_clients_offer(feature, described, vectors):
    listed = protocol(feature)
    offer = Capabilities(formats=("parquet", "delta"), reader_features=frozenset({feature.lower()}))
    assert negotiate_format(listed, described, vectors, offer, "s.t") == "delta"
    others = frozenset(name.lower() for name, *_ in IN_USE if name != feature)
    for lacking in (
        PARQUET,
        Capabilities(("delta", "parquet"), others),
        Capabilities(("parquet",), offer.reader_features),
    ):
        with pytest.raises(UnsupportedTableFeature, match=f"'s.t' needs the reader feature {feature},") as refused:
            negotiate_format(listed, described, vectors, lacking, "s.t")
        assert f"responseformat=delta;readerfeatures={feature.lower()}." in refused.value.hint


@pytest.mark.parametrize("feature", sorted({name for name, *_ in IN_USE} | {"v2Checkpoint", "vacuumProtocolCheck"}))
def test_a_feature_that_is_listed_and_not_used_needs_nothing(feature):
    assert negotiate_format(protocol(feature), metadata(), False, PARQUET, "s.t") == "parquet"
    assert negotiate_format(protocol(feature), metadata(), False, OFFICIAL_PYTHON, "s.t") == "parquet"
    assert negotiate_format(protocol(feature), metadata(), False, DELTA_ONLY, "s.t") == "delta"


@pytest.mark.parametrize("name", ["timestamp_ntz", "variant", "delta.typeChanges"])
def test_a_column_named_like_a_type_is_no_use_of_it(name):
    listed = protocol("timestampNtz", "variantType", "typeWidening")
    plain = metadata({"name": name, "type": "string", "nullable": True, "metadata": {"comment": name}})
    assert negotiate_format(listed, plain, False, PARQUET, "s.t") == "parquet"


@pytest.mark.parametrize("client", [OFFICIAL_PYTHON, SPARK])
@pytest.mark.parametrize(
    ("listed", "described", "vectors"),
    [
        (protocol("deletionVectors", "columnMapping", "timestampNtz", "v2Checkpoint"), MAPPED, True),
        (protocol("timestampNtz"), NTZ, False),
        (protocol(version=2), MAPPED, False),
    ],
)
def test_what_the_official_clients_read_is_served_to_them(client, listed, described, vectors):
    assert negotiate_format(listed, described, vectors, client, "s.t") == "delta"


def test_reader_version_2_is_column_mapping_where_a_mode_is_set():
    assert negotiate_format(protocol(version=2), metadata(), False, PARQUET, "s.t") == "parquet"
    assert negotiate_format(protocol(version=1), MAPPED, False, PARQUET, "s.t") == "parquet"
    with pytest.raises(UnsupportedTableFeature, match="columnMapping"):
        negotiate_format(protocol(version=2), MAPPED, False, PARQUET, "s.t")


def test_writer_features_matter_to_nobody_who_reads():
    listed = TableProtocol(
        1,
        7,
        writer_features=("rowTracking", "clustering", "domainMetadata", "checkpointProtection", "inCommitTimestamp"),
    )
    assert negotiate_format(listed, metadata(), False, PARQUET, "s.t") == "parquet"


@pytest.mark.parametrize("client", [PARQUET, SPARK, DELTA_ONLY])
def test_a_feature_that_is_not_known_is_refused_by_name(client):
    for unknown in ("catalogManaged", "someDay"):
        with pytest.raises(UnsupportedTableFeature, match=f"{unknown}, which this server does not serve"):
            negotiate_format(protocol("deletionVectors", unknown), metadata(), True, client, "s.t")
    with pytest.raises(UnsupportedTableFeature, match="reader version 4"):
        negotiate_format(protocol(version=4), metadata(), False, client, "s.t")


def test_all_that_is_missing_is_named_with_the_whole_header():
    listed = protocol("columnMapping", "deletionVectors", "typeWidening")
    widened = TableMetadata("id", WIDENED.schema_string, (), configuration=MAPPED.configuration)
    with pytest.raises(UnsupportedTableFeature) as refused:
        negotiate_format(listed, widened, True, OFFICIAL_PYTHON, "s.t")
    assert refused.value.message == (
        "The table 's.t' needs the reader feature typeWidening, which the client did not offer to read."
    )
    assert refused.value.hint.endswith(
        "delta-sharing-capabilities: responseformat=delta;readerfeatures=columnmapping,deletionvectors,typewidening."
    )


def test_a_range_needs_what_any_of_its_versions_needs():
    plain, mapped = (protocol(version=1), metadata()), (protocol("columnMapping"), MAPPED)
    assert negotiate_range([plain, plain], False, OFFICIAL_PYTHON, "s.t") == "parquet"
    assert negotiate_range([plain, mapped, plain], False, OFFICIAL_PYTHON, "s.t") == "delta"
    assert negotiate_range([plain], True, OFFICIAL_PYTHON, "s.t") == "delta"


@pytest.mark.parametrize("schema", ["", "{", "[" * 100_000, '{"type": "\ud800"}'])
def test_a_schema_that_is_none_is_the_tables_fault(schema):
    with pytest.raises(TableUnreadable):
        negotiate_format(protocol("timestampNtz"), TableMetadata("id", schema, ()), False, SPARK, "s.t")


@pytest.mark.parametrize("schema", ["3", "null", '{"type": 7, "fields": [{"metadata": 5}, null]}'])
def test_a_schema_of_odd_json_breaks_nothing(schema):
    listed = protocol("timestampNtz", "typeWidening")
    assert negotiate_format(listed, TableMetadata("id", schema, ()), False, PARQUET, "s.t") == "parquet"
