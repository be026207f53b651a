"""A bar chart of revenue by segment."""

from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

_INK, _QUIET, _BARS = "#1f2933", "#7b8794", ("#0f609b", "#2186c4", "#63b3e4", "#b6dcf2")


def save_chart(revenue: pl.DataFrame, path: Path) -> None:
    """Draw what `revenue_by_segment` gave as a PNG of 1600 by 900 pixels."""
    segments = revenue["customer_segment"].to_list()
    millions = [float(value) / 1e6 for value in revenue["revenue"]]
    figure = Figure(figsize=(8, 4.5), dpi=200)
    figure.set_layout_engine("constrained", w_pad=0.3, h_pad=0.2)
    axes = figure.add_subplot()
    bars = axes.bar(segments, millions, width=0.62, color=[_BARS[index % len(_BARS)] for index in range(len(segments))])
    axes.bar_label(
        bars, [f"{value:,.1f} M" for value in millions], padding=4, color=_INK, fontsize=11, fontweight="bold"
    )
    axes.set_title("Revenue by customer segment", loc="left", pad=26, color=_INK, fontsize=15, fontweight="bold")
    read = f"{revenue['transactions'].sum():,} sales of {revenue['customers'].sum():,} customers, read from the share"
    axes.text(0, 1.03, f"{read} external_retail", transform=axes.transAxes, color=_QUIET, fontsize=9.5)
    axes.tick_params(length=0, labelcolor=_INK, labelsize=11, pad=8)
    axes.yaxis.set_visible(False)
    axes.margins(y=0.15)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#cbd2d9")
    figure.savefig(path)
