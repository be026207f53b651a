"""What a case measures: a figure is one line of the report."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """`runs` are the single measurements, in `unit`; the figure is their median.

    `at_most` or `at_least` is the target; neither where there is none. `points`, (files, milliseconds), are plotted.
    """

    name: str
    unit: str
    runs: tuple[float, ...]
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""
    points: tuple[tuple[int, float], ...] = field(default=())

    @property
    def value(self) -> float:
        return statistics.median(self.runs)

    @property
    def verdict(self) -> str:
        if self.at_most is not None:
            return "met" if self.value <= self.at_most else "missed"
        if self.at_least is not None:
            return "met" if self.value >= self.at_least else "missed"
        return ""


def repeated(measure: Callable[[], float], *, runs: int = 5, seconds: float = 15.0) -> tuple[float, ...]:
    """Five measurements; fewer, but one at least, where they take longer than that together."""
    start, measured = time.perf_counter(), [measure()]
    while len(measured) < runs and time.perf_counter() - start < seconds:
        measured.append(measure())
    return tuple(measured)
