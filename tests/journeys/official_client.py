"""Runs in `.venv-client`, with the official delta-sharing client: reads tables and prints what it got as JSON.

Usage: official_client.py REQUESTS.json, a list of {"url", "delta", "limit", "expected"}: `delta` chooses the response
format (null lets the client choose), `expected` is a directory of parquet files to compare with, or null, `columns` are
those to compare, where not all, and `zone` is the session time zone in which those were written, where it matters.
Prints one JSON line a request: {"url", "rows", "equal", "error"}.
"""

import datetime as dt
import decimal
import json
import math
import sys
from collections import Counter
from pathlib import Path

import delta_sharing
import numpy as np
import pandas as pd
import pyarrow.parquet as pq


def main(requests_file: str) -> None:
    for request in json.loads(Path(requests_file).read_text()):
        answer = {"url": request["url"], "rows": None, "equal": None, "error": None}
        try:
            frame = delta_sharing.load_as_pandas(
                request["url"], limit=request.get("limit"), use_delta_format=request.get("delta")
            )
            answer["rows"] = len(frame)
            if request.get("expected"):
                compared = frame[request["columns"]] if request.get("columns") else frame
                answer["equal"], answer["error"] = compare(compared, request["expected"], request.get("zone"))
        except BaseException as error:  # noqa: BLE001  a panic of the kernel is an answer too
            answer["error"] = f"{type(error).__name__}: {error}"[:500]
        print(json.dumps(answer), flush=True)


def compare(frame: pd.DataFrame, expected_dir: str, zone: str | None) -> tuple[bool, str | None]:
    """Whether the frame holds the rows of the parquet files, in any order."""
    files = sorted(Path(expected_dir).glob("*.parquet"))
    tables = [pq.ParquetFile(file).read() for file in files]
    expected = pd.concat([table.to_pandas() for table in tables], ignore_index=True)
    if zone:
        for name in expected.select_dtypes("datetimetz"):
            expected[name] = expected[name].dt.tz_convert(zone).dt.tz_localize(None)
    if list(expected.columns) != list(frame.columns):
        return False, f"columns {list(frame.columns)}, expected {list(expected.columns)}"
    got, want = rows_of(frame), rows_of(expected)
    if got == want:
        return True, None
    examples = [next(iter(rows), None) for rows in (got - want, want - got)]
    return False, f"{len(frame)} rows, expected {len(expected)}; got {examples[0]}, expected {examples[1]}"


def rows_of(frame: pd.DataFrame) -> Counter:
    """How often each row is there."""
    columns = [canonical_column(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return Counter(zip(*columns, strict=True))


def canonical_column(column: pd.Series) -> list[object]:
    """The column's values in a form that can be compared; each distinct one is worked on once."""
    if column.dtype == object and column.map(type).isin((list, dict, tuple, np.ndarray)).any():
        return [repr(canonical(value)) for value in column]
    codes, distinct = pd.factorize(column, use_na_sentinel=False)
    values = [canonical(value) for value in distinct]
    return [values[code] for code in codes]


def canonical(value: object) -> object:
    """A value in a form that does not tell how it was stored."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [canonical(item) for item in value]
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (float, np.floating)):
        if math.isnan(value):
            return None
        # A column of integers that holds a null is a column of floats to pandas.
        return int(value) if float(value).is_integer() else float(value)
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else str(value.normalize())
    if isinstance(value, (pd.Timestamp, np.datetime64, dt.datetime)):
        stamp = pd.Timestamp(value)
        return (stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


if __name__ == "__main__":
    main(sys.argv[1])
