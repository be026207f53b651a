"""Keeps a Delta table busy with deltalake: commits, deletes, compacts, makes checkpoints and vacuums.

Usage: busy_writer.py TABLE ROUNDS. The vacuum keeps an hour of removed files, which is longer than any test.
"""

import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

REGIONS = ("EMEA", "Île de France", None)


def main(table: str, rounds: int) -> None:
    for number in range(rounds):
        append(table, number)
        if number % 5 == 3:
            DeltaTable(table).delete(f"id % 10 = {number % 10}")
        if number % 7 == 5:
            DeltaTable(table).optimize.compact()
        if number % 10 == 9:
            DeltaTable(table).create_checkpoint()
        if number % 11 == 10:
            DeltaTable(table).vacuum(retention_hours=1, dry_run=False, enforce_retention_duration=False)


def append(table: str, number: int) -> None:
    ids = list(range(number * 30, number * 30 + 30))
    rows = pa.table({"id": ids, "region": pa.array([REGIONS[row % 3] for row in ids], pa.string())})
    write_deltalake(table, rows, mode="append", partition_by=["region"])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
