"""The picture of what a study had when."""

from __future__ import annotations

from analysis.numbers.anytime import Effort, Moment
from analysis.report.canvas import figure_to_png, legend, new_axes, new_figure, percent_axis, title
from analysis.report.figures import Picture
from analysis.report.theme import LIGHT, Theme


def effort_pictures(effort: Effort | None) -> dict[str, Picture]:
    """The curve by its name, `anytime`; none of fewer than two trials."""
    if effort is None or len(effort.moments) < 2:
        return {}
    alt = "Val accuracy of the best models so far over the minutes that trials took: heads, then what was fine-tuned."
    return {"anytime": Picture("anytime", alt, lambda theme: effort_figure(effort, theme))}


def effort_figure(effort: Effort, theme: Theme = LIGHT) -> bytes:
    """A step a trial that ended; heads and fine-tuned trials marked apart."""
    figure = new_figure(3.4, theme)
    ax = new_axes(figure, theme)
    minutes, accuracies = _places(effort.moments)
    ax.step(minutes, accuracies, where="post", color=theme.fused, linewidth=2.0)
    for label, marker, is_head in (("heads on frozen features", "o", True), ("fine-tuned trials", "D", False)):
        own = [moment for moment in effort.moments if moment.is_head == is_head]
        if own:
            ax.plot(
                *_places(own), marker, color=theme.fused if is_head else theme.paper, label=label, markersize=6,
                markeredgecolor=theme.fused, zorder=4,
            )  # fmt: skip
    ax.set_xlim(left=0)
    ax.margins(y=0.14)
    ax.set_xlabel("Minutes of all trials, one after the other", color=theme.muted)
    ax.set_ylabel("Val accuracy, best so far", color=theme.muted)
    percent_axis(ax, "y")
    title(ax, "What there was when", theme)
    legend(ax, theme, *ax.get_legend_handles_labels())
    return figure_to_png(figure)


def _places(moments: list[Moment] | tuple[Moment, ...]) -> tuple[list[float], list[float]]:
    return [moment.seconds / 60 for moment in moments], [moment.accuracy for moment in moments]
