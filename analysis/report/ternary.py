"""The picture of three weights: val accuracy over the triangle of all mixtures, and along each weight.

With more modalities than three there is no triangle, and the curves stand alone.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from analysis.report.canvas import figure_to_png, legend, new_axes, new_figure, percent_axis
from analysis.report.plot_data import WeightsPlot
from analysis.report.theme import LIGHT, Theme

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])  # (3, 2): left, right, top
TICKS = (0.2, 0.4, 0.6, 0.8)
_SHADES = 16  # of the accuracy, at most


def weights_figure(info: WeightsPlot, theme: Theme = LIGHT) -> bytes:
    """Val accuracy by the weights of three modalities or more, as PNG bytes."""
    if len(info.curves) != 3:
        figure = new_figure(3.8, theme)
        plot_weight_curves(info, new_axes(figure, theme), theme)
        return figure_to_png(figure)
    figure = new_figure(4.5, theme)
    plot_ternary(info, new_axes(figure, theme, 2, 1), theme)
    plot_weight_curves(info, new_axes(figure, theme, 2, 2), theme)
    return figure_to_png(figure)


def plot_ternary(info: WeightsPlot, ax: Axes, theme: Theme = LIGHT) -> None:
    """The accuracy of every mixture of three modalities, each alone at a corner; the chosen one marked."""
    x, y = places(info.points).T
    ramp = LinearSegmentedColormap.from_list("accuracy", list(theme.ramp))
    low, high = float(info.accuracies.min()), float(info.accuracies.max())
    shades = MaxNLocator(_SHADES, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    levels = shades if high > low else np.array([low - 0.01, high + 0.01])
    field = ax.tricontourf(Triangulation(x, y), info.accuracies, levels=levels, cmap=ramp)
    _draw_grid(ax, list(info.curves), theme)
    chosen = places(np.array([list(info.fusion.weights.values())]))[0]
    ax.plot(
        *chosen, "D", color=theme.fused, markersize=9, markeredgecolor=theme.paper, markeredgewidth=1.5, zorder=6,
        clip_on=False, label="chosen weights",
    )  # fmt: skip
    _label_corners(list(info.curves), ax, theme)
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_xlim(-0.04, 1.04)
    ax.set_ylim(-0.15, 0.96)
    _colour_bar(field, ax, theme)
    legend(ax, theme, *ax.get_legend_handles_labels())


def plot_weight_curves(info: WeightsPlot, ax: Axes, theme: Theme = LIGHT) -> None:
    """The exact accuracy as one weight varies and the others keep their proportion; all curves meet at the choice."""
    for name, curve in info.curves.items():
        colour = theme.colour(name)
        ax.stairs(curve.accuracies, curve.edges, baseline=None, color=colour, linewidth=1.6, label=name)
        ax.plot(
            info.fusion.weights[name], info.fusion.accuracy, "D", color=colour, markersize=8, zorder=6,
            markeredgecolor=theme.paper,
        )  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.margins(y=0.12)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_xlabel("Weight of one modality, the others in the chosen proportion", color=theme.muted)
    ax.set_ylabel("Val accuracy", color=theme.muted)
    percent_axis(ax, "y")
    legend(ax, theme, *ax.get_legend_handles_labels())


def places(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where mixtures (G, 3) lie in the picture: (G, 2)."""
    found: NDArray[np.float64] = weights @ CORNERS
    return found


def _draw_grid(ax: Axes, names: list[str], theme: Theme) -> None:
    """The triangle, lines of equal weight, and the weight of each modality along the edge that leads to it."""
    ax.plot(*CORNERS[[0, 1, 2, 0]].T, color=theme.muted, linewidth=1, zorder=4)
    for place, name in enumerate(names):
        corner, other, third = np.roll(CORNERS, -place, axis=0)
        outwards = (corner + other) / 2 - CORNERS.mean(axis=0)
        outwards /= np.linalg.norm(outwards)
        for tick in TICKS:
            start, end = other + tick * (corner - other), third + tick * (corner - third)
            ax.plot(*np.array([start, end]).T, color=theme.paper, linewidth=0.7, alpha=0.45, zorder=3)
            x, y = start + 0.042 * outwards
            ax.text(
                x, y, f"{tick:.1f}", color=theme.colour(name), fontsize=7.5, ha="center",
                va="center",
            )  # fmt: skip


def _label_corners(names: list[str], ax: Axes, theme: Theme) -> None:
    shifts, aligned = ((-0.04, -0.11), (0.04, -0.11), (0.0, 0.05)), ("left", "right", "center")
    for corner, name, (dx, dy), side in zip(CORNERS, names, shifts, aligned, strict=True):
        ax.text(
            corner[0] + dx, corner[1] + dy, f"{name} alone", color=theme.colour(name),
            fontsize=9.5, fontweight="bold", ha=side, va="center", parse_math=False,
        )  # fmt: skip


def _colour_bar(field: ContourSet, ax: Axes, theme: Theme) -> None:
    figure = ax.figure
    assert isinstance(figure, Figure)  # noqa: S101 - the axes are no sub-figure's
    bar = figure.colorbar(field, ax=ax, shrink=0.72, aspect=24, pad=0.02, ticks=MaxNLocator(8, steps=[1, 2, 5, 10]))
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=theme.muted, labelsize=8, length=0)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.6g} %"))
