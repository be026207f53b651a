"""What the server renders, the client library reads back: random tables, row by row and value by value."""

from dataclasses import replace

import polars as pl
from deltalake import DeltaTable
from hypothesis import HealthCheck, Phase, given, settings
from polars.testing import assert_frame_equal

from lakeshare.client import SharingClient
from properties.conftest import Provider
from properties.random_tables import random_tables


# No shrinking: it would write thousands of tables, and what fails is readable as it is.
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(table=random_tables)
def test_the_client_reads_what_was_written(provider: Provider, table):
    shared = provider.share(replace(table, wall=False))
    with SharingClient(shared.profile) as client:
        read = client.read(shared.name)
        listed = client.files(shared.name)
    written = shared.rows.sort("row_id")
    assert_frame_equal(read.sort("row_id").select(written.columns), written)

    log = DeltaTable(shared.location)
    assert listed.version == log.version()
    assert listed.metadata.id is not None
    assert list(listed.metadata.partition_columns or ()) == log.metadata().partition_columns
    actions = pl.DataFrame(log.get_add_actions(flatten=True))
    assert sorted(file.size for file in listed.files) == sorted(actions["size_bytes"])
    for file in listed.files:
        rows = written.filter(pl.col("row_id").is_in(shared.row_ids(file.url)))
        for column, text in file.partition_values.items():
            values = rows[column].unique()
            assert len(values) == 1
            assert (text is None) == (values[0] is None)
            if values.dtype in (pl.String, pl.Int64, pl.Int32) and text is not None:
                assert text == str(values[0])
