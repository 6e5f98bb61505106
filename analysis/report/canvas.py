"""What all of the report's pictures are drawn on: figures and axes in a theme's colours, legends, titles, PNG bytes.

Drawn with Figure objects, without pyplot's global state. Names that a user chose are never read as mathematics.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from analysis.report.theme import Theme

DOTS_PER_INCH = 144
WIDTH = 10.0  # inches, of the report's column
_LONGEST_NAME = 18
_ALL_IN_A_ROW = 4  # names of a legend; of more, fewer stand in a row, so that the title keeps its place
_MOST_IN_A_ROW = 3


def figure_to_png(figure: Figure) -> bytes:
    """A figure as PNG bytes."""
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, facecolor=figure.get_facecolor())
    return buffer.getvalue()


def new_figure(height: float, theme: Theme) -> Figure:
    """An empty figure of the report's width; `height` in inches."""
    return Figure(
        figsize=(WIDTH, height),
        facecolor=theme.paper,
        layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06, wspace=0.04),
    )


def new_axes(figure: Figure, theme: Theme, columns: int = 1, place: int = 1, rows: int = 1) -> Axes:
    """Axes with a grid in the theme's colours, at a place counted from 1, row by row."""
    ax: Axes = figure.add_subplot(rows, columns, place)
    ax.set_facecolor(theme.paper)
    ax.set_axisbelow(True)
    ax.grid(color=theme.grid, linewidth=0.8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(theme.soft)
    ax.tick_params(colors=theme.muted, labelsize=8.5, length=3)
    return ax


def panels(count: int, most: int, height: float, theme: Theme) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes, at most `most` side by side, each row `height` inches high."""
    columns = max(min(count, most), 1)
    rows = max(-(-count // columns), 1)
    figure = new_figure(height * rows, theme)
    return figure, [new_axes(figure, theme, columns, place, rows) for place in range(1, count + 1)]


def title(ax: Axes, text: str, theme: Theme) -> None:
    """Set the title, at the left."""
    ax.set_title(text, loc="left", fontsize=10, fontweight="bold", color=theme.ink, parse_math=False)


def percent_axis(ax: Axes, which: str) -> None:
    """Write the shares of the `x` or the `y` axis as percent."""
    axis = ax.yaxis if which == "y" else ax.xaxis
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.6g} %"))


def short_name(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name on one line, its middle cut out where it is too long for an axis: many names differ in their ends alone.

    A wide letter, as Chinese has, counts twice.
    """
    plain = " ".join(name.split())
    if sum(map(_cells, plain)) <= longest:
        return plain
    end = (longest - 1) * 2 // 5
    return _fitting(plain, longest - 1 - end) + "…" + _fitting(plain[::-1], end)[::-1]


def _fitting(text: str, room: int) -> str:
    """As much of the text's beginning as takes no more than `room` cells."""
    taken = zip(text, accumulate(map(_cells, text)), strict=True)
    return "".join(letter for letter, _ in takewhile(lambda one: one[1] <= room, taken))


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1


def legend(ax: Axes, theme: Theme, handles: Sequence[Any], names: Sequence[str]) -> None:
    """Draw the legend above the plot at the right, where no curve runs."""
    columns = len(names) if len(names) <= _ALL_IN_A_ROW else _MOST_IN_A_ROW
    drawn = ax.legend(
        handles, names, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=columns, frameon=False, fontsize=8,
        handlelength=1.6, columnspacing=1.2, borderaxespad=0.3, handletextpad=0.5,
    )  # fmt: skip
    for text in drawn.get_texts():
        text.set_parse_math(False)
        text.set_color(theme.ink)
