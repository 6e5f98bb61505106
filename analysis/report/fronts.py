"""What the report says of a Pareto front."""

from __future__ import annotations

from analysis import wording
from analysis.numbers.pareto import Front, equal


def front_sentence(front: Front) -> str:
    """How many trials are on the front, and what the cheapest of them takes beside the selected one."""
    known, smaller = wording.count(len(front.points), "trial"), wording.CHEAPER[front.objective]
    selected = next((point for point in front.front if point.trial_id == front.selected), None)
    cheapest = front.front[0]
    if selected is not None and equal(cheapest, selected):
        return f"Of {known} none is more accurate than {front.selected}, which was selected, and none is {smaller}."
    others = f": any other is at best as accurate as one of them and at best as {wording.CHEAP[front.objective]}"
    said = (
        f"{len(front.front)} of {known} are on the front{others if len(front.front) < len(front.points) else ''}. "
        f"The {wording.CHEAPEST[front.objective]} of them, {cheapest.trial_id}, takes "
        f"{wording.cost(front.objective, cheapest.cost)}"
    )
    if selected is None:
        return f"{said}."
    share = wording.percent(cheapest.cost / selected.cost)
    gap = wording.points(cheapest.accuracy - selected.accuracy)
    return f"{said}, {share} of what the selected {front.selected} takes, at {gap} of val accuracy."
