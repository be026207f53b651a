"""Runs in `.venv-client`: calls the official client's public functions and prints what they gave as JSON.

Usage: official_surface.py REQUESTS.json, a list of {"call", "arguments"}. Prints one JSON line a request:
{"value", "error"}. A frame's value is {"columns", "rows"}, its rows as sorted text; a commit's time is always a time.
"""

import json
import sys
from pathlib import Path
from typing import Any

import delta_kernel_rust_sharing_wrapper as kernel
import delta_sharing
import pandas as pd
import pyarrow as pa
from delta_sharing.protocol import Schema, Share
from official_client import rows_of


def main(requests_file: str) -> None:
    for request in json.loads(Path(requests_file).read_text()):
        answer: dict[str, Any] = {"value": None, "error": None}
        try:
            answer["value"] = CALLS[request["call"]](**request["arguments"])
        except BaseException as error:  # noqa: BLE001  a panic of the kernel is an answer too
            answer["error"] = f"{type(error).__name__}: {error}"[:800]
        print(json.dumps(answer), flush=True)


def frame(pandas: pd.DataFrame) -> dict[str, Any]:
    if "_commit_timestamp" in pandas and not isinstance(pandas["_commit_timestamp"].dtype, pd.DatetimeTZDtype):
        pandas["_commit_timestamp"] = pd.to_datetime(pandas["_commit_timestamp"], unit="ms", utc=True)
    if "_commit_timestamp" in pandas:  # in delta format the client keeps whole seconds only
        pandas["_commit_timestamp"] = pandas["_commit_timestamp"].dt.floor("s")
    return {"columns": list(pandas.columns), "rows": sorted(map(repr, rows_of(pandas).elements()))}


def list_shares(profile: str) -> list[str]:
    return [share.name for share in delta_sharing.SharingClient(profile).list_shares()]


def list_schemas(profile: str, share: str) -> list[str]:
    return [schema.name for schema in delta_sharing.SharingClient(profile).list_schemas(Share(share))]


def list_tables(profile: str, share: str, schema: str) -> list[str]:
    tables = delta_sharing.SharingClient(profile).list_tables(Schema(schema, share))
    return [f"{table.share}.{table.schema}.{table.name}" for table in tables]


def list_all_tables(profile: str) -> list[str]:
    tables = delta_sharing.SharingClient(profile).list_all_tables()
    return [f"{table.share}.{table.schema}.{table.name}" for table in tables]


def metadata(**arguments: Any) -> dict[str, Any]:
    found = delta_sharing.get_table_metadata(**arguments)
    return {
        "schema": json.loads(found.schema_string),
        "partition_columns": list(found.partition_columns),
        "configuration": dict(found.configuration),
    }


def protocol(**arguments: Any) -> int:
    found: int = delta_sharing.get_table_protocol(**arguments).min_reader_version
    return found


def kernel_changes(table: str, start: int, end: int) -> dict[str, Any]:
    """The change feed of a table's own log, without any server."""
    place = f"file://{table}/"
    interface = kernel.PythonInterface(place)
    scan = kernel.TableChangesScanBuilder(kernel.Table(place), interface, start, end).build()
    return frame(pa.Table.from_batches(scan.execute(interface)).to_pandas())


CALLS = {
    "list_shares": list_shares,
    "list_schemas": list_schemas,
    "list_tables": list_tables,
    "list_all_tables": list_all_tables,
    "version": delta_sharing.get_table_version,
    "metadata": metadata,
    "protocol": protocol,
    "rows": lambda **arguments: frame(delta_sharing.load_as_pandas(**arguments)),
    "changes": lambda **arguments: frame(delta_sharing.load_table_changes_as_pandas(**arguments)),
    "kernel_changes": kernel_changes,
}


if __name__ == "__main__":
    main(sys.argv[1])
