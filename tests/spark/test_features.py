"""Delta's own library reads what we serve of tables with its newer features as it reads the tables themselves."""

import pytest

from spark.copies import copy_of
from spark.features import FEATURES


@pytest.mark.parametrize("name", FEATURES)
def test_a_table_reads_as_spark_reads_it(feature_server, spark, tmp_path, name):
    direct = spark.read(str(feature_server.lake / name), format="delta")
    assert direct
    copied = copy_of(feature_server.profile, name, tmp_path / "copy")
    assert spark.read(str(copied), format="delta") == direct
