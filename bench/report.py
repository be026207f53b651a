"""Figures as a table for people, as JSON for programs, and as docs/performance.md with its plot."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Any

from rich.table import Table

from figures import Figure

Results = Mapping[str, Sequence[Figure]]
"""The figures of each case, by the case's title."""

TEMPLATE = Path(__file__).with_name("performance.md.template")
LIBRARIES = ("polars", "uvicorn", "starlette", "msgspec", "deltalake")
VERDICT_STYLES = {"met": "green", "missed": "red", "": ""}


def shown_table(results: Results) -> Table:
    table = Table("case", "measured", "min..max", "target", "", title="one worker on this machine")
    for title, figures in results.items():
        table.add_section()
        table.add_row(f"[bold]{title}[/bold]")
        for figure in figures:
            style = VERDICT_STYLES[figure.verdict]
            name, measured, spread, target = _cells(figure)
            table.add_row(name, measured, spread, target, f"[{style}]{figure.verdict}[/]" if style else "")
    return table


def as_json(results: Results, about: Mapping[str, str]) -> dict[str, Any]:
    def told(figure: Figure) -> dict[str, Any]:
        return asdict(figure) | {"value": figure.value, "verdict": figure.verdict}

    return {"machine": about, "cases": {title: [told(figure) for figure in of] for title, of in results.items()}}


def markdown(results: Results, about: Mapping[str, str]) -> str:
    """The page: the template's prose around the figures."""
    lines = ["| case | measured | min..max | target | |", "|---|---|---|---|---|"]
    for title, figures in results.items():
        lines.append(f"| **{title}** | | | | |")
        lines += ["| " + " | ".join((*_cells(figure), figure.verdict)) + " |" for figure in figures]
    return Template(TEMPLATE.read_text()).substitute(
        figures="\n".join(lines), machine="\n".join(f"| {name} | {value} |" for name, value in about.items())
    )


def machine() -> dict[str, str]:
    processor = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "processor": processor[1] if processor else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory / 1024**3:.0f} GiB",
        "load of others before the run": f"{os.getloadavg()[0]:.1f} processes",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
    }


def plot(results: Results, path: Path) -> None:
    """Draw how the figures that have points grow, as an SVG that is the same for the same figures."""
    import matplotlib as mpl  # noqa: PLC0415  slow to import

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "lakeshare"
    from matplotlib import pyplot as plt  # noqa: PLC0415  only behind `use`

    drawing, axes = plt.subplots(figsize=(7.2, 4.4), layout="constrained")
    drawn = [figure for figures in results.values() for figure in figures if figure.points]
    for figure in drawn:
        files, milliseconds = zip(*figure.points, strict=True)
        axes.plot(files, milliseconds, marker="o", label=figure.name.partition(":")[0])
    files, milliseconds = zip(*drawn[0].points, strict=True)
    axes.plot(
        files,
        [milliseconds[0] * count / files[0] for count in files],
        ":",
        color="grey",
        label="if it grew as the files",
    )
    axes.set(xscale="log", yscale="log", xlabel="files of the table", ylabel="milliseconds for the whole answer")
    axes.set_xticks(files, [f"{count:,}" for count in files])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)


def _cells(figure: Figure) -> tuple[str, str, str, str]:
    """Name, measured, the smallest and the largest run, target."""
    target = ""
    if figure.at_most is not None:
        target = f"≤ {_number(figure.at_most)}"
    if figure.at_least is not None:
        target = f"≥ {_number(figure.at_least)}"
    spread = f"{_number(min(figure.runs))}..{_number(max(figure.runs))}" if len(figure.runs) > 1 else figure.note
    return figure.name, f"{_number(figure.value)} {figure.unit}".rstrip(), spread, target


def _number(value: float) -> str:
    """Three digits that count."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
