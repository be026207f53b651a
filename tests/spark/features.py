"""Tables of Delta's features that no golden table has, as the SQL that Spark writes them with.

`$table` stands for the table. What 4.0.1 cannot write is not here: it reads compacted commits and never makes any.
"""

FEATURES = {
    "widened": (
        """CREATE TABLE $table (i INT, f FLOAT, d DATE, m DECIMAL(6,2), b BYTE, s STRUCT<x: SHORT, f: FLOAT>,
        a ARRAY<INT>) USING delta
        TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')""",
        """INSERT INTO $table SELECT /*+ REPARTITION(1) */ * FROM VALUES
        (1, 0.1F, DATE'2020-01-01', 1.25, 1Y, named_struct('x', 1S, 'f', 0.1F), array(1)),
        (1, 0.1F, DATE'2020-01-01', 1.25, 1Y, named_struct('x', 1S, 'f', 0.1F), array(1))""",
        """INSERT INTO $table VALUES
        (7, 2.5, DATE'1969-12-31', 99.99, 2, named_struct('x', 2S, 'f', 2.5F), array(2)),
        (null, null, null, null, null, null, null)""",
        "ALTER TABLE $table ALTER COLUMN i TYPE BIGINT, f TYPE DOUBLE, d TYPE TIMESTAMP_NTZ, m TYPE DECIMAL(12,4)",
        "ALTER TABLE $table ALTER COLUMN b TYPE DOUBLE, s.x TYPE BIGINT, s.f TYPE DOUBLE, a.element TYPE BIGINT",
        """INSERT INTO $table VALUES (5000000000, 0.1D, TIMESTAMP_NTZ'2020-01-01 12:30:00.123456', 123456.7891, 0.5D,
        named_struct('x', 5000000000, 'f', 0.1D), array(5000000000))""",
    ),
    "widened_partitions": (
        """CREATE TABLE $table (id INT, i INT, f FLOAT, d DATE, m DECIMAL(6,2)) USING delta PARTITIONED BY (i, f, d, m)
        TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')""",
        """INSERT INTO $table VALUES (1, 1, 0.1, DATE'2020-01-01', 1.25), (2, 7, 2.5, DATE'1969-12-31', 99.99),
        (3, null, null, null, null)""",
        "ALTER TABLE $table ALTER COLUMN i TYPE BIGINT, f TYPE DOUBLE, d TYPE TIMESTAMP_NTZ, m TYPE DECIMAL(12,4)",
        "INSERT INTO $table VALUES (4, 5000000000, 0.1D, TIMESTAMP_NTZ'2020-01-01 12:30:00.123456', 123456.7891)",
    ),
    "variant": (
        "CREATE TABLE $table (id INT, v VARIANT) USING delta",
        """INSERT INTO $table SELECT id, parse_json(v) FROM VALUES
        (1, '{"a": [1, 2.5, null]}'), (2, '"text"'), (3, null) AS (id, v)""",
    ),
    "variant_preview": (
        "CREATE TABLE $table (id INT) USING delta TBLPROPERTIES ('delta.feature.variantType-preview' = 'supported')",
        "ALTER TABLE $table ADD COLUMN v ARRAY<VARIANT>",
        "INSERT INTO $table SELECT 1, array(parse_json('[1]'))",
    ),
    "shredded": (
        """CREATE TABLE $table (id INT, v VARIANT) USING delta
        TBLPROPERTIES ('delta.enableVariantShredding' = 'true')""",
        "INSERT INTO $table SELECT 1, parse_json('{\"a\": 1}')",
    ),
    "tracked": (
        "CREATE TABLE $table (id INT) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true')",
        "INSERT INTO $table VALUES (1), (2), (3)",
        "UPDATE $table SET id = 20 WHERE id = 2",
        "INSERT INTO $table VALUES (4)",
    ),
    "clustered": (
        "CREATE TABLE $table (id INT, k STRING) USING delta CLUSTER BY (k)",
        "INSERT INTO $table VALUES (1, 'a'), (2, 'b'), (3, 'a')",
        "OPTIMIZE $table",
        "ALTER TABLE $table CLUSTER BY (id)",
        "INSERT INTO $table VALUES (4, 'c')",
    ),
    "sidecars": (
        """CREATE TABLE $table (id INT) USING delta
        TBLPROPERTIES ('delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3')""",
        "INSERT INTO $table VALUES (1)",
        "INSERT INTO $table VALUES (2)",
        "INSERT INTO $table VALUES (3)",
        "DELETE FROM $table WHERE id = 2",
    ),
    "late_times": (
        "CREATE TABLE $table (id INT) USING delta",
        "INSERT INTO $table VALUES (1)",
        "ALTER TABLE $table SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')",
        "INSERT INTO $table VALUES (2)",
    ),
    "all_at_once": (
        """CREATE TABLE $table (id INT, old STRING, gone INT, p INT) USING delta PARTITIONED BY (p)
        TBLPROPERTIES ('delta.columnMapping.mode' = 'id', 'delta.enableDeletionVectors' = 'true',
        'delta.enableTypeWidening' = 'true')""",
        """INSERT INTO $table SELECT CAST(id AS INT), concat('n', id), CAST(id AS INT), CAST(id % 2 AS INT)
        FROM range(0, 20, 1, 1)""",
        "DELETE FROM $table WHERE id IN (3, 4)",
        "ALTER TABLE $table RENAME COLUMN old TO new",
        "ALTER TABLE $table RENAME COLUMN p TO part",
        "ALTER TABLE $table DROP COLUMN gone",
        "ALTER TABLE $table ALTER COLUMN id TYPE BIGINT, part TYPE BIGINT",
        "INSERT INTO $table VALUES (5000000000, 'big', 5000000000)",
        "DELETE FROM $table WHERE id = 7",
        "ALTER TABLE $table ADD COLUMN gone STRING",
        "INSERT INTO $table VALUES (100, 'x', 1, 'back')",
    ),
    "protected_checkpoints": (
        "CREATE TABLE $table (id INT) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "INSERT INTO $table SELECT CAST(id AS INT) FROM range(0, 9, 1, 1)",
        "DELETE FROM $table WHERE id = 3",
        "ALTER TABLE $table DROP FEATURE deletionVectors",
        "INSERT INTO $table VALUES (11)",
    ),
    "vacuumed": (
        """CREATE TABLE $table (id INT) USING delta
        TBLPROPERTIES ('delta.feature.vacuumProtocolCheck' = 'supported')""",
        "INSERT INTO $table VALUES (1), (2), (3)",
        "DELETE FROM $table WHERE id = 2",
        "SET spark.databricks.delta.retentionDurationCheck.enabled = false",
        "VACUUM $table RETAIN 0 HOURS",
    ),
}
