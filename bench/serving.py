"""`make bench`: what one worker serves on this machine, beside our targets."""

import json
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from raw_http import requests_per_second, stream
from running import lakeshare, running_server
from sample_log import write_log

RUNS = 5
LIST_TARGET = 5_000
FILES_TARGET = 100_000


def main() -> None:
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory) / "home"
        profile = _prepare(home, Path(directory) / "tables", console)
        token = json.loads(profile.read_text())["bearerToken"]
        with running_server(home) as server, console.status("measuring"):
            rows = list(_measure(server.endpoint, token))
    table = Table("measured on one worker", "result", "target", "")
    for name, result, target in rows:
        met = "" if target is None else ("met" if result >= target else "missed")
        table.add_row(name, f"{result:,.0f}", "" if target is None else f"{target:,.0f}", met)
    console.print(table)


def _prepare(home: Path, tables: Path, console: Console) -> Path:
    profile = home.parent / "bench.share"
    with console.status("writing tables of 10,000 and 100,000 files"):
        lakeshare("share", "create", "bench", home=home)
        for name, files in (("small", 10_000), ("large", 100_000)):
            write_log(tables / name, files)
            lakeshare("table", "create", f"bench.files.{name}", "--location", str(tables / name), home=home)
            lakeshare("share", "add", "bench", f"bench.files.{name}", home=home)
        lakeshare("recipient", "create", "bench", "--profile", str(profile), home=home)
        lakeshare("grant", "bench", "--to", "bench", home=home)
    return profile


def _measure(endpoint: str, token: str):
    """What there is to show: name, result, target or None. Every table is opened before it is timed."""
    yield "list shares, requests/s", requests_per_second(f"{endpoint}/shares", token), LIST_TARGET
    version = f"{endpoint}/shares/bench/schemas/files/tables/large/version"
    requests_per_second(version, token, connections=1, seconds=0.1)
    yield "table version, requests/s", requests_per_second(version, token), None
    for name, files in (("small", 10_000), ("large", 100_000)):
        url = f"{endpoint}/shares/bench/schemas/files/tables/{name}/query"
        for shown, headers in (
            ("parquet", ""),
            ("delta", "delta-sharing-capabilities: responseformat=delta\r\n"),
        ):
            stream(url, token, b"{}", headers)
            runs = [stream(url, token, b"{}", headers) for _ in range(RUNS)]
            assert all(lines >= files for lines, *_ in runs), runs
            rate = statistics.median(files / seconds for _, _, _, seconds in runs)
            yield f"query of {files:,} files in {shown} format, files/s", rate, FILES_TARGET
        first = statistics.median(first for _, _, first, _ in runs)
        yield f"... first byte, milliseconds ({files:,} files)", first * 1000, None
        pruned = [stream(url, token, json.dumps({"predicateHints": ["day = '2026-01-01'"]}).encode()) for _ in range(3)]
        yield f"... pruned to one day, milliseconds ({files:,} files)", pruned[-1][3] * 1000, None


if __name__ == "__main__":
    main()
