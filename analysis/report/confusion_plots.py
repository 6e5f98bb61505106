"""What is taken for what, as a matrix for few classes and as the pairs most confused for many."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from analysis.numbers.metrics import Scores
from analysis.report.canvas import WIDTH, figure_to_png, panels, short_name, title
from analysis.report.plot_data import Confusion, WorstPairs, confusion_info, worst_pairs_info
from analysis.report.theme import LIGHT, Theme

MOST_CLASSES = 30  # of a matrix: with more, its names can't be read
_MOST_MATRICES = 4  # side by side
_PAIR_HEIGHT = 0.27  # inches of one bar


def confusion_figure(scores: Mapping[str, Scores], names: tuple[str, ...], theme: Theme = LIGHT) -> bytes:
    """The confusion matrix of each model, up to four side by side; `names` are the classes' as they are drawn.

    Of more than MOST_CLASSES classes the pairs most confused, two models side by side.
    """
    if len(names) > MOST_CLASSES:
        return _worst_pairs_figure(scores, names, theme)
    columns = min(len(scores), _MOST_MATRICES)
    figure, axes = panels(len(scores), _MOST_MATRICES, WIDTH / max(columns, 3) + 0.35, theme)
    for place, ((model, one), ax) in enumerate(zip(scores.items(), axes, strict=True)):
        plot_confusion(confusion_info(model, one, names), ax, theme, names=place % columns == 0)
    return figure_to_png(figure)


def _worst_pairs_figure(scores: Mapping[str, Scores], names: tuple[str, ...], theme: Theme) -> bytes:
    found = [worst_pairs_info(model, one, names) for model, one in scores.items()]
    height = 0.75 + _PAIR_HEIGHT * max(3, *(len(info.counts) for info in found))
    figure, axes = panels(len(found), 2, height, theme)
    for info, ax in zip(found, axes, strict=True):
        plot_worst_pairs(info, ax, theme)
    return figure_to_png(figure)


def plot_confusion(info: Confusion, ax: Axes, theme: Theme = LIGHT, *, names: bool = True) -> None:
    """Counts, on colours for the share of the true class; class names at the left only where `names`."""
    ramp = LinearSegmentedColormap.from_list("shares", list(theme.ramp))
    ax.imshow(info.shares, cmap=ramp, vmin=0, vmax=1, aspect="equal")
    size = len(info.classes)
    short = [short_name(name) for name in info.classes]
    upright = max(map(len, short)) * size <= 30
    ax.set_xticks(
        range(size), short, rotation=0 if upright else 40, ha="center" if upright else "right",
        rotation_mode="anchor", parse_math=False,
    )  # fmt: skip
    ax.set_yticks(range(size), short if names else [""] * size, parse_math=False)
    ax.tick_params(length=0, labelsize=max(5.0, 9 - 0.25 * max(size - 6, 0)))
    ax.tick_params(axis="x", pad=9 if upright else 3)
    if names:
        ax.set_ylabel("True class", color=theme.muted)
    ax.set_xlabel("Predicted class", color=theme.muted)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    title(ax, info.model.capitalize(), theme)
    _write_counts(info, ax, theme, ramp)


def _write_counts(info: Confusion, ax: Axes, theme: Theme, ramp: LinearSegmentedColormap) -> None:
    size = len(info.classes)
    if size > 20:
        return  # cells smaller than digits: the colours alone speak
    for (row, column), number in np.ndenumerate(info.counts):
        red, green, blue, _ = ramp(info.shares[row, column])
        bright = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
        ax.text(
            column, row, f"{number:,}", ha="center", va="center", fontsize=max(4.5, 11 - 0.5 * size),
            color="#14202b" if bright else "#ffffff", fontweight="bold" if row == column else "normal",
        )  # fmt: skip


def plot_worst_pairs(info: WorstPairs, ax: Axes, theme: Theme = LIGHT) -> None:
    """Horizontal bars, the most confused pair on top: `true → predicted`, the samples and their share at the end."""
    places = np.arange(len(info.counts))[::-1]
    ax.barh(places, info.counts, 0.72, color=theme.colour(info.model))
    for place, count, share in zip(places, info.counts, info.shares, strict=True):
        ax.text(count, place, f" {count:,} ({100 * share:.0f} %)", va="center", fontsize=8, color=theme.ink)
    names = [f"{short_name(true, 16)} → {short_name(predicted, 16)}" for true, predicted in info.pairs]
    ax.set_yticks(places, names, parse_math=False)
    ax.tick_params(axis="y", length=0, labelcolor=theme.ink, labelsize=8)
    ax.set_xlim(0, 1.35 * max(info.counts, default=1))
    ax.set_ylim(-0.8, max(len(places), 3) - 0.2)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    ax.set_xlabel("Samples (share of the true class)", color=theme.muted)
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    if not info.counts:
        ax.text(0.5, 0.5, "no sample is taken for another class", transform=ax.transAxes, ha="center", color=theme.muted)
    title(ax, f"{info.model.capitalize()}: most confused", theme)
