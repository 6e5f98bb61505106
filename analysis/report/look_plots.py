"""Pictures of the closer look: reliability, and accuracy by the share that is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis import wording
from analysis.numbers.abstention import Abstention
from analysis.numbers.calibration import Bin
from analysis.report.canvas import figure_to_png, legend, new_axes, new_figure, panels, percent_axis, title
from analysis.report.closer_look import Look
from analysis.report.figures import Picture
from analysis.report.theme import LIGHT, Theme


def look_pictures(look: Look, split: str, system: str) -> dict[str, Picture]:
    """By name: `reliability`, and `abstention` once there is a test."""
    names = wording.listed(list(look.reliability))
    said = f"Reliability of {names} on {split}: the share that is right by the chance that was given."
    found = [Picture("reliability", said, lambda theme: reliability_figure(look.reliability, theme))]
    if look.abstention:
        said = f"Accuracy of {system} on {split} by the share of samples that it answers, with 95\u00a0% intervals."
        found.append(Picture("abstention", said, lambda theme: abstention_figure(look.abstention, system, theme)))
    return {one.name: one for one in found}


def reliability_figure(bins: Mapping[str, Sequence[Bin]], theme: Theme = LIGHT) -> bytes:
    """A panel a model: each bin's share of right answers with its interval, by its mean chance."""
    figure, axes = panels(len(bins), 4, 3.1, theme)
    for place, ((model, own), ax) in enumerate(zip(bins.items(), axes, strict=True)):
        colour = theme.colour(model)
        ax.plot([0, 1], [0, 1], color=theme.soft, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
        places = [one.confidence for one in own]
        ax.vlines(
            places, [one.interval.low for one in own], [one.interval.high for one in own], color=colour, alpha=0.4, lw=2
        )
        ax.plot(places, [one.accuracy for one in own], "o-", color=colour, markersize=5, linewidth=1.4)
        ax.set_xlim(min(0.3, *places), 1.02)
        ax.set_ylim(-0.02, 1.02)
        ax.set_xlabel("Chance given", color=theme.muted)
        ax.set_ylabel("Share right" if place % 4 == 0 else "", color=theme.muted)
        percent_axis(ax, "x")
        percent_axis(ax, "y")
        title(ax, model.capitalize(), theme)
    return figure_to_png(figure)


def abstention_figure(rows: Sequence[Abstention], system: str, theme: Theme = LIGHT) -> bytes:
    """Accuracy of what is answered by the share that is."""
    figure = new_figure(3.0, theme)
    ax = new_axes(figure, theme)
    there = [(one.answered, one.accuracy, one.interval) for one in rows if one.accuracy is not None and one.interval]
    places, colour = [answered for answered, _, _ in there], theme.colour(system)
    ax.fill_between(
        places, [one.low for *_, one in there], [one.high for *_, one in there], color=colour, alpha=0.16, linewidth=0,
        label="95 % interval",
    )  # fmt: skip
    ax.plot(places, [accuracy for _, accuracy, _ in there], "o-", color=colour, label=system, linewidth=1.8)
    ax.set_xlabel("Share of test that is answered, by thresholds that val gives", color=theme.muted)
    ax.set_ylabel("Accuracy of it", color=theme.muted)
    ax.margins(y=0.12)
    percent_axis(ax, "x")
    percent_axis(ax, "y")
    legend(ax, theme, *ax.get_legend_handles_labels())
    return figure_to_png(figure)
