"""Draw how the bounded figures went from run to run: `python tests/benchmarks/trend.py` writes trend.png.

What is drawn is the margin: how many times a figure fits into its bound, or its bound into it. At 1 it meets the bound
exactly, below 1 it misses it. So a figure that is getting worse falls, whatever its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from history import Line, read

HISTORY = Path(__file__).parent / "results.jsonl"
PICTURE = Path(__file__).parent / "trend.png"
LARGEST = 10.0  # a margin above it is drawn at it: how far a figure is from a bound that it can't miss says nothing
TICKS = (0.5, 1, 2, 5, LARGEST)
LABELS = 8  # dates below a panel, at most
Margins = dict[str, list[tuple[str, float]]]  # by figure: date and margin of each run


def margin_of(line: Line) -> float | None:
    """Value / bound over a lower bound, bound / value under an upper one; None where they aren't both positive."""
    side, limit = line["bound"].split()
    if float(limit) <= 0 or line["value"] <= 0:
        return None
    ratio = line["value"] / float(limit)
    return float(ratio if side == ">=" else 1 / ratio)


def panels_of(lines: Sequence[Line]) -> dict[tuple[str, str], Margins]:
    """By machine and benchmark: each figure's margins by date. Figures that have no margin are left out."""
    panels: dict[tuple[str, str], Margins] = {}
    for line in sorted(lines, key=lambda one: (one["machine"], one["benchmark"], one["date"])):
        margin = margin_of(line)
        if margin is not None:
            panel = panels.setdefault((line["machine"], line["benchmark"]), {})
            panel.setdefault(line["figure"], []).append((line["date"], margin))
    return panels


def places_of(panels: Mapping[tuple[str, str], Margins]) -> dict[str, int]:
    """Where each run stands from left to right: one beside the other, however long the time between them."""
    dates = {date for panel in panels.values() for points in panel.values() for date, _ in points}
    return {date: place for place, date in enumerate(sorted(dates))}


def draw(source: Path = HISTORY, picture: Path = PICTURE) -> None:
    """Write the picture: a panel for each benchmark of a machine, a line for each of its figures."""
    from matplotlib.figure import Figure

    panels = panels_of(read(source))
    if not panels:
        raise SystemExit(f"There must be a figure to draw, but {source} has none: run `make bench BENCH=--write`.")
    places = places_of(panels)
    figure = Figure(figsize=(12, 2.1 * len(panels)), layout="constrained")
    rows = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, ((machine, benchmark), margins) in zip(rows, panels.items(), strict=True):
        axes.set_title(f"{benchmark}: {machine}", loc="left", fontsize=10)
        _draw_panel(axes, margins, places)
    shown = list(places)[:: -(-len(places) // LABELS)]
    rows[-1].set_xticks([places[date] for date in shown], shown, fontsize=8)
    figure.savefig(picture, dpi=80, metadata={"Software": None})  # no version: the same bytes from the same figures
    print(f"Drawn: {picture}")


def _draw_panel(axes: Any, margins: Margins, places: Mapping[str, int]) -> None:
    for figure, points in margins.items():
        heights = [min(margin, LARGEST) for _, margin in points]
        axes.plot([places[date] for date, _ in points], heights, marker="o", markersize=4, linewidth=1.2, label=figure)
    axes.axhline(1, color="black", linewidth=1)
    axes.set(yscale="log", ylabel="margin", ylim=(TICKS[0], LARGEST * 1.1), xlim=(-0.5, len(places) - 0.5))
    axes.set_yticks(TICKS, [*(f"{tick:g}" for tick in TICKS[:-1]), f"{LARGEST:g} +"])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7, frameon=False)


if __name__ == "__main__":
    draw()
