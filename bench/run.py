"""`make bench`: what the server does on this machine, beside our targets.

All cases, or those that are named; Ctrl-C shows what was measured until then.
A whole run writes docs/performance.md and its plot anew.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from case import Bench, Case
from concurrency import concurrency
from figures import Figure
from growth import growth
from lake import Lake
from memory import many_tables, slow_client
from opening import commits, opening
from queries import full_queries, pruned_queries
from report import as_json, machine, markdown, plot, shown_table
from restart import restart
from small_requests import small_requests
from workers import workers

DOCS = Path(__file__).parent.parent / "docs"


@dataclass(frozen=True)
class Named:
    title: str
    measure: Case


CASES = {
    "opening": Named("Opening a table of 1M files", opening),
    "commits": Named("One new commit on it", commits),
    "full": Named("Full queries", full_queries),
    "pruned": Named("Queries of few of 1M files", pruned_queries),
    "growth": Named("Growth from 10k to 1M files", growth),
    "requests": Named("Small requests", small_requests),
    "concurrency": Named("Several at once", concurrency),
    "slow": Named("A slow client", slow_client),
    "tables": Named("More tables than fit", many_tables),
    "restart": Named("A restart", restart),
    "workers": Named("Two workers", workers),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Print measured figures beside their targets.")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"one of {', '.join(CASES)}; all where none is named")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"There is no case {unknown[0]!r}. Cases: {', '.join(CASES)}.")
    chosen = {name: CASES[name] for name in arguments.cases or CASES}

    about = machine()
    results: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="lakeshare-bench-") as directory, suppress(KeyboardInterrupt):
        for title, figures in _measured(chosen, Path(directory)):
            results[title] = figures  # noqa: PERF403  what is broken off keeps what it has
    if arguments.json:
        json.dump(as_json(results, about), sys.stdout, indent=2)
        print()
    else:
        Console(width=150 if not sys.stdout.isatty() else None).print(shown_table(results))
    if len(results) == len(CASES):
        (DOCS / "performance.md").write_text(markdown(results, about))
        plot(results, DOCS / "performance.svg")


def _measured(chosen: dict[str, Named], directory: Path) -> Iterator[tuple[str, list[Figure]]]:
    columns = (
        TextColumn("{task.completed}/{task.total}"), BarColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[title]}: {task.description}"),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=2, transient=True) as progress:
        task = progress.add_task("", total=len(chosen), title="")
        with Bench(Lake(directory), lambda text: progress.update(task, description=text)) as bench:
            for named in chosen.values():
                progress.update(task, title=named.title, description="")
                start = time.monotonic()
                yield named.title, list(named.measure(bench))
                progress.console.print(f"{named.title}: {time.monotonic() - start:.0f} s")
                progress.advance(task)


if __name__ == "__main__":
    main()
