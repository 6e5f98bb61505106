"""The report's pictures, but for `confusion_plots`: `plot_x(info, ax)` draws what `plot_data.x_info` computed.

`x_figure` gives PNG bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from analysis.numbers.fusion import AlphaCurve, AlphaGrid
from analysis.numbers.metrics import Scores
from analysis.numbers.mixture import Mixture
from analysis.numbers.pareto import Front, TrialPoint
from analysis.report.canvas import (
    figure_to_png,
    legend,
    new_axes,
    new_figure,
    panels,
    percent_axis,
    short_name,
    title,
)
from analysis.report.plot_data import (
    AlphaPlot,
    Bars,
    LearningCurves,
    alpha_info,
    bars_info,
    learning_curves_info,
)
from analysis.report.theme import LIGHT, Theme
from trainables.names import LATENCY, SIZE
from trainables.records import StopReason, TrialRecord

_COST_AXES = {
    SIZE: (1e-6, "Size of the weights, MB"),
    LATENCY: (1e3, "Latency in the evaluation on val, ms per sample"),
}
_LINES = {StopReason.COMPLETED: "-", StopReason.PRUNED: "--", StopReason.INTERRUPTED: "-."}  # others are dotted
_WIDE = 20  # where costs are so many times apart, their axis is logarithmic
_MOST_LABELS = 8  # of trials on the front, so that they don't cover each other


def learning_curves_figure(records: Sequence[TrialRecord], modalities: Sequence[str], theme: Theme = LIGHT) -> bytes:
    """The learning curves of each modality, two side by side."""
    figure, axes = panels(len(modalities), 2, 3.6, theme)
    for modality, ax in zip(modalities, axes, strict=True):
        plot_learning_curves(learning_curves_info(records, modality), ax, theme)
    return figure_to_png(figure)


def alpha_figure(curve: AlphaCurve, grid: AlphaGrid, fusion: Mixture, theme: Theme = LIGHT) -> bytes:
    """Val accuracy by alpha. Raises ValueError where the fusion isn't of two modalities."""
    figure = new_figure(3.8, theme)
    plot_alpha_curve(alpha_info(curve, grid, fusion), new_axes(figure, theme), theme)
    return figure_to_png(figure)


def bars_figure(
    names: Mapping[str, str], val: Mapping[str, Scores], test: Mapping[str, Scores] | None, theme: Theme = LIGHT
) -> bytes:
    """Accuracy and macro F1 of every row in `names` (row -> its name), val beside test."""
    figure = new_figure(0.95 + 0.5 * len(names), theme)
    for place, (metric, field) in enumerate([("Accuracy", "accuracy"), ("Macro F1", "macro_f1")], start=1):
        ax = new_axes(figure, theme, 2, place)
        plot_bars(bars_info(metric, field, names, val, test), ax, theme, labelled=place == 1)
    return figure_to_png(figure)


def pareto_figure(fronts: Sequence[Front], theme: Theme = LIGHT) -> bytes:
    """Val accuracy by cost of each modality that had two objectives, two side by side."""
    figure, axes = panels(len(fronts), 2, 3.8, theme)
    for front, ax in zip(fronts, axes, strict=True):
        plot_pareto(front, ax, theme)
    return figure_to_png(figure)


def plot_learning_curves(info: LearningCurves, ax: Axes, theme: Theme = LIGHT) -> None:
    """Val accuracy by epoch: the best trial strong, the others by how they ended."""
    colour = theme.colour(info.modality)
    for curve in sorted(info.curves, key=lambda one: one.trial_id == info.best):
        best, completed = curve.trial_id == info.best, curve.reason is StopReason.COMPLETED
        ax.plot(
            curve.epochs,
            curve.accuracies,
            color=colour if best else theme.reason(curve.reason),
            linewidth=2.4 if best else 1.0,
            linestyle=_LINES.get(curve.reason, ":") if not best else "-",
            alpha=1.0 if best else 0.6 if completed else 0.85,
            marker="." if len(curve.epochs) == 1 else "",
            zorder=4 if best else 3 if completed else 2,
        )
    if info.peak is not None:
        ax.plot(*info.peak, "o", color=colour, markersize=7, zorder=5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.set_xlabel("Epoch", color=theme.muted)
    ax.set_ylabel("Val accuracy", color=theme.muted)
    ax.margins(y=0.08)
    percent_axis(ax, "y")
    title(ax, f"{info.modality.capitalize()} trials", theme)
    _learning_legend(info, ax, theme)


def plot_alpha_curve(info: AlphaPlot, ax: Axes, theme: Theme = LIGHT) -> None:
    """The exact step curve, the grid's points, the chosen alpha and its plateau."""
    colour = theme.fused
    ax.axvspan(info.best.low, info.best.high, color=colour, alpha=0.18, linewidth=0, label="best plateau")
    ax.axvline(info.best.alpha, color=colour, linewidth=1, linestyle=(0, (4, 3)))
    ax.stairs(info.accuracies, info.edges, baseline=None, color=theme.ink, linewidth=1.4, label="exact curve")
    alphas, accuracies = zip(*info.grid, strict=True)
    ax.plot(
        alphas, accuracies, "o", color=theme.paper, markeredgecolor=theme.muted, markersize=5, label="11-point grid"
    )
    ax.plot(
        info.best.alpha, info.best.accuracy, "D", color=colour, markersize=8, label="chosen alpha", zorder=6,
        markeredgecolor=theme.paper,
    )  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.margins(y=0.12)
    ax.set_xticks(np.linspace(0, 1, 11))
    ax.set_xlabel(
        f"Alpha: 0 is the {info.first} model alone, 1 the {info.second} model alone",
        color=theme.muted,
        parse_math=False,
    )
    ax.set_ylabel("Val accuracy", color=theme.muted)
    percent_axis(ax, "y")
    legend(ax, theme, *ax.get_legend_handles_labels())


def plot_bars(info: Bars, ax: Axes, theme: Theme = LIGHT, *, labelled: bool = True) -> None:
    """Horizontal bars, the first row on top: val pale, test full; the number at each bar's end."""
    places = np.arange(len(info.names))[::-1]
    height = 0.36 if info.test else 0.6
    colours = [theme.colour(model) for model in info.models]
    pairs = [(info.val, height / 2 if info.test else 0, 0.35 if info.test else 1.0)]
    if info.test:
        pairs.append((info.test, -height / 2, 1.0))
    for values, shift, strength in pairs:
        ax.barh(places + shift, values, height * 0.94, color=colours, alpha=strength)
        for place, value in zip(places + shift, values, strict=True):
            ax.text(value + 0.012, place, f"{100 * value:.1f}", va="center", fontsize=8, color=theme.ink)
    names = [short_name(name, 26) for name in info.names] if labelled else [""] * len(places)
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(axis="y", length=0, labelcolor=theme.ink, labelsize=9)
    ax.set_xlim(0, 1.1)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    percent_axis(ax, "x")
    title(ax, info.metric + (" (pale: val, full: test)" if info.test else " on val"), theme)


def plot_pareto(info: Front, ax: Axes, theme: Theme = LIGHT) -> None:
    """Every trial, the selected one marked; the front as steps: the best accuracy to be had for at most a cost."""
    colour, (scale, label) = theme.colour(info.modality), _COST_AXES[info.objective]
    on_front = {point.trial_id for point in info.front}
    others = [point for point in info.points if point.trial_id not in on_front]
    selected = [point for point in info.points if point.trial_id == info.selected]
    costs, accuracies = _places(info.front, scale)
    if others:
        ax.plot(*_places(others, scale), "o", color=theme.muted, alpha=0.75, markersize=6, label="other trials")
    ax.step(
        costs, accuracies, where="post", color=colour, linewidth=1.6, marker="o", markersize=7, label="Pareto front"
    )
    ax.plot(
        *_places(selected, scale), "D", color=colour, markersize=10, zorder=5, label=info.selected,
        markeredgecolor=theme.paper,
    )  # fmt: skip
    if max(point.cost for point in info.points) > _WIDE * min(point.cost for point in info.points):
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
    ax.margins(x=0.1, y=0.14)
    ax.set_xlabel(label, color=theme.muted)
    ax.set_ylabel("Val accuracy", color=theme.muted)
    percent_axis(ax, "y")
    title(ax, f"{info.modality.capitalize()} trials", theme)
    _label_front(info, scale, ax, theme)
    legend(ax, theme, *ax.get_legend_handles_labels())


def _places(points: Sequence[TrialPoint], scale: float) -> tuple[list[float], list[float]]:
    return [point.cost * scale for point in points], [point.accuracy for point in points]


def _label_front(info: Front, scale: float, ax: Axes, theme: Theme) -> None:
    unselected = [point for point in info.front if point.trial_id != info.selected]
    for point in unselected if len(info.front) <= _MOST_LABELS else ():
        ax.annotate(
            point.trial_id, (point.cost * scale, point.accuracy), xytext=(7, -4), textcoords="offset points",
            va="top", fontsize=8, color=theme.ink, parse_math=False,
        )  # fmt: skip


def _learning_legend(info: LearningCurves, ax: Axes, theme: Theme) -> None:
    there = [reason for reason in StopReason if any(one.reason is reason for one in info.curves)]
    handles = [Line2D([], [], color=theme.reason(one), linestyle=_LINES.get(one, ":"), linewidth=1.1) for one in there]
    names = [reason.value for reason in there]
    if info.best is not None:
        handles.insert(0, Line2D([], [], color=theme.colour(info.modality), linewidth=2.4, marker="o"))
        names.insert(0, info.best)
    legend(ax, theme, handles, names)
