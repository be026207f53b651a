"""The lines of delta format hold all that it takes to read a table: read by them alone, it is what Spark read.

Columns of structs, arrays and maps are left to the official client, which reads the same tables over HTTP.
"""

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from golden import GoldenTable, golden_tables
from lakeshare.client.partition_values import parse_partition_values
from lakeshare.datafiles.deletion_vectors import deleted_rows
from lakeshare.datafiles.schema import parse_schema, polars_schema
from lakeshare.operations.file_parts import LineStyle
from lakeshare.operations.fragments import file_lines, header_lines
from lakeshare.protocol.actions import DeltaFileAction, DeltaLine
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.base import TableSource
from lakeshare.tables.formats import open_table

NAMES = {
    "dv-partitioned-with-checkpoint",
    "log-replay-dv-key-cases",
    "data-reader-timestamp_ntz-name-mode",
    "data-skipping-basic-stats-all-types-columnmapping-id",
    "table-with-columnmapping-mode-name",
}
TABLES = [pytest.param(table, id=table.name) for table in golden_tables() if table.name in NAMES]


@pytest.mark.parametrize("table", TABLES)
async def test_the_lines_are_enough_to_read_a_table(table: GoldenTable):
    root = f"file://{table.table_dir}"
    snapshot = await open_table(TableSource("golden", root)).load()

    style = LineStyle("delta", FakeSigner(f"{table.table_dir}/"), 1, root)
    body = header_lines(snapshot, "delta") + file_lines(snapshot.files.frame(), style)
    protocol, metadata, *files = (msgspec.json.decode(line, type=DeltaLine) for line in body.splitlines())
    assert protocol.protocol.delta_protocol is not None
    schema = metadata.meta_data.delta_metadata.schema_string
    read = pl.concat([rows(line.file.delta_single_action.add, schema) for line in files])
    expected = pl.concat(pl.read_parquet(file) for file in sorted(table.expected_dir.glob("*.parquet")))
    flat = {name: kind for name, kind in read.schema.items() if not kind.is_nested()}
    names = list(flat)
    assert_frame_equal(read.select(names).sort(names), expected.select(names).cast(flat).sort(names))


class FakeSigner(UrlSigner):
    """Gives the path where a URL would stand."""

    def __init__(self, place: str) -> None:
        self.place, self.issue = place, ""

    def bases(self, keys):
        return [self.place + key for key in keys]

    def endings(self, keys):
        return [""] * len(keys)


def rows(add: DeltaFileAction, schema_string: str) -> pl.DataFrame:
    """The rows of one file, under the table's own names."""
    stored = pl.read_parquet(add.path, hive_partitioning=False)
    if vector := add.deletion_vector:
        data = b""
        if vector.storage_type == "p":
            with open(vector.path_or_inline_dv, "rb") as file:  # noqa: PTH123  the path stands where a URL would
                file.seek(vector.offset)
                data = file.read()
        gone = deleted_rows(vector, data)
        stored = stored.with_row_index("#").filter(~pl.col("#").is_in(gone.implode())).drop("#")
    kinds = polars_schema(schema_string)
    columns = []
    for field in parse_schema(schema_string):
        if field.physical_name in add.partition_values:
            value = add.partition_values[field.physical_name]
            column = pl.lit(parse_partition_values([value], field.name, kinds[field.name]).item())
        else:
            column = pl.col(field.physical_name)
        columns.append(column.cast(kinds[field.name]).alias(field.name))
    return stored.select(columns)


@pytest.mark.skipif(not TABLES, reason="LAKESHARE_GOLDEN names no tables")
def test_every_named_table_is_there():
    assert len(TABLES) == len(NAMES)
