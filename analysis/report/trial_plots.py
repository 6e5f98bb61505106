"""Pictures of a search: trials in their order, how far they went, and parallel coordinates of hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from analysis import wording
from analysis.report.canvas import figure_to_png, legend, new_axes, new_figure, panels, percent_axis, short_name, title
from analysis.report.figures import Picture
from analysis.report.theme import LIGHT, Theme
from analysis.report.trial_plot_data import Coordinates, History, Reached, coordinates, history, reached
from trainables.records import StopReason, TrialRecord

_MARKERS = {
    StopReason.COMPLETED: "o", StopReason.PRUNED: "v", StopReason.INTERRUPTED: "s", StopReason.DIVERGED: "^",
    StopReason.OOM: "P", StopReason.FAILED: "X", StopReason.LOST: "*",
}  # fmt: skip
_MANY = 100  # trials, of which each is drawn smaller


def trial_pictures(records: Sequence[TrialRecord], modalities: Sequence[str]) -> dict[str, Picture]:
    """By name: `history`, and where anything was fine-tuned `reached` and `coordinates`."""
    found = [
        Picture(
            "history",
            "Val accuracy of every trial in the order of the search, by how it ended, and the best so far.",
            lambda theme: history_figure([history(records, one) for one in modalities], theme),
        )
    ]
    went = [one for one in (reached(records, name) for name in modalities) if len(one.trials) > 1]
    if went:
        said = "How many fine-tuned trials ended each epoch: a step down is where trials were stopped."
        found.append(Picture("reached", said, lambda theme: reached_figure(went, theme)))
    drawn = [one for one in (coordinates(records, name) for name in modalities) if len(one.axes) > 1]
    if drawn:
        what = wording.listed([one.modality for one in drawn])
        said = f"Parallel coordinates of the {what} trials' hyperparameters, coloured by val accuracy."
        found.append(Picture("coordinates", said, lambda theme: coordinates_figure(drawn, theme)))
    return {one.name: one for one in found}


def history_figure(infos: Sequence[History], theme: Theme = LIGHT) -> bytes:
    """A panel a modality."""
    figure, axes = panels(len(infos), 2, 3.3, theme)
    for info, ax in zip(infos, axes, strict=True):
        ax.step(info.numbers, info.best, where="post", color=theme.colour(info.modality), linewidth=1.6)
        for reason in StopReason:
            own = [place for place, one in enumerate(info.reasons) if one is reason]
            if own:
                ax.plot(
                    [info.numbers[place] for place in own], [info.accuracies[place] for place in own],
                    _MARKERS[reason], color=theme.reason(reason), label=reason.value, alpha=0.9,
                    markersize=5 if len(info.numbers) < _MANY else 2.5,
                )  # fmt: skip
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.set_xlabel("Trial, in the order of the search", color=theme.muted)
        ax.set_ylabel("Best val accuracy", color=theme.muted)
        ax.margins(y=0.1)
        percent_axis(ax, "y")
        title(ax, info.modality.capitalize(), theme)
        if info.numbers:
            legend(ax, theme, *ax.get_legend_handles_labels())
    return figure_to_png(figure)


def reached_figure(infos: Sequence[Reached], theme: Theme = LIGHT) -> bytes:
    """All modalities in one panel."""
    figure = new_figure(2.6, theme)
    ax = new_axes(figure, theme)
    for info in infos:
        edges = np.arange(len(info.trials) + 1) + 0.5
        ax.stairs(info.trials, edges, color=theme.colour(info.modality), linewidth=2, label=info.modality)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    ax.set_xlabel("Epoch", color=theme.muted)
    ax.set_ylabel("Trials that ended it", color=theme.muted)
    legend(ax, theme, *ax.get_legend_handles_labels())
    return figure_to_png(figure)


def coordinates_figure(infos: Sequence[Coordinates], theme: Theme = LIGHT) -> bytes:
    """A panel a modality, one below the other."""
    figure, axes = panels(len(infos), 1, 3.1, theme)
    for info, ax in zip(infos, axes, strict=True):
        _plot_coordinates(info, ax, theme)
    return figure_to_png(figure)


def _plot_coordinates(info: Coordinates, ax: Axes, theme: Theme) -> None:
    """The better a trial, the stronger its line, in the modality's colour."""
    colours = LinearSegmentedColormap.from_list("accuracy", [theme.grid, theme.colour(info.modality)])
    low, high = info.accuracies[0], info.accuracies[-1]
    shares = [(one - low) / (high - low) if high > low else 1.0 for one in info.accuracies]
    columns = [*(axis.places for axis in info.axes), shares]
    lines = [list(enumerate(own)) for own in zip(*columns, strict=True)]
    ax.add_collection(
        LineCollection(lines, colors=[colours(one) for one in shares], linewidths=[0.8 + 1.6 * one for one in shares])
    )
    ticks = [*(axis.ticks for axis in info.axes), ((0.0, wording.percent(low)), (1.0, wording.percent(high)))]
    for place, own in enumerate(ticks):
        ax.axvline(place, color=theme.muted, linewidth=0.8)
        for height, text in own:
            ax.annotate(
                short_name(text, 14), (place, height), xytext=(4, 0), textcoords="offset points", fontsize=7.5,
                color=theme.ink, va="center", parse_math=False,
                bbox={"facecolor": theme.paper, "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
            )  # fmt: skip
    ax.set_xlim(-0.1, len(columns) - 0.6)
    ax.set_ylim(-0.06, 1.06)
    ax.grid(visible=False)
    ax.set_yticks([])
    ax.spines[["left", "bottom"]].set_visible(False)
    names = [*(short_name(axis.name, 120 // len(columns)) for axis in info.axes), "val accuracy"]
    ax.set_xticks(range(len(names)), names, parse_math=False)
    title(ax, info.modality.capitalize(), theme)
