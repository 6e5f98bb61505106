"""Where a search had two objectives: the trials that no other one beats in both, and what the report says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import wording
from analysis.numbers.selection import qualifies
from trainables.records import EpochResult, TrialRecord


@dataclass(frozen=True)
class Point:
    """A trial's best epoch by both objectives."""

    trial_id: str
    accuracy: float  # on val, a share: to be high
    cost: float  # bytes of the weights, or seconds per sample: to be small


@dataclass(frozen=True)
class FrontRow:
    """One trial on the front."""

    trial_id: str
    accuracy: float
    epoch: int
    weights_bytes: int
    latency: float  # seconds per sample
    params: Mapping[str, Any]  # those in which the front's trials differ


@dataclass(frozen=True)
class Front:
    """The trials of a modality whose search had two objectives."""

    modality: str
    objective: str  # the second one: size or latency
    points: tuple[Point, ...]  # of every trial that may be selected
    front: tuple[Point, ...]  # as `pareto_front` orders it
    selected: str  # trial id
    rows: tuple[FrontRow, ...]  # of the front, the most accurate first


def pareto_front(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other one dominates, the cheapest first. Equal points are on it together, or not at all.

    A point dominates another one where it is at least as accurate and at most as costly, and better in one of the two.
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.cost, -one.accuracy)):
        if not front or point.accuracy > front[-1].accuracy or _equal(point, front[-1]):
            front.append(point)
    return tuple(front)


def front_of(records: Sequence[TrialRecord], modality: str, selected: str) -> Front | None:
    """The front of a modality's trials; None where its search had one objective, or no trial has a known cost."""
    own = {record.trial_id: record for record in records if record.modality == modality and qualifies(record)}
    objective = next((record.objectives[1] for record in own.values() if len(record.objectives) > 1), None)
    if objective is None:
        return None
    costs = {trial_id: _best(record).objective(objective) for trial_id, record in own.items()}
    points = tuple(
        Point(trial_id, _best(own[trial_id]).val_accuracy, cost)
        for trial_id, cost in costs.items()
        if math.isfinite(cost) and cost > 0
    )
    if not points:
        return None
    front = pareto_front(points)
    rows = _rows([own[point.trial_id] for point in reversed(front)])
    return Front(modality, objective, points, front, selected, rows)


def differing(params: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of each trial's parameters those in which the trials differ; all of them where there is one trial."""
    every = {key for one in params for key in one}
    kept = {key for key in every if len(params) == 1 or any(one.get(key) != params[0].get(key) for one in params)}
    return [{key: value for key, value in one.items() if key in kept} for one in params]


def front_sentence(front: Front) -> str:
    """How many trials are on the front, and what the cheapest of them takes beside the selected one."""
    known, smaller = wording.count(len(front.points), "trial"), wording.CHEAPER[front.objective]
    selected = next((point for point in front.front if point.trial_id == front.selected), None)
    cheapest = front.front[0]
    if selected is not None and _equal(cheapest, selected):
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


def _equal(one: Point, other: Point) -> bool:
    return (one.accuracy, one.cost) == (other.accuracy, other.cost)


def _best(record: TrialRecord) -> EpochResult:
    best = record.best
    assert best is not None, f"{record.trial_id} has no epoch and must not have qualified"  # noqa: S101
    return best


def _rows(records: Sequence[TrialRecord]) -> tuple[FrontRow, ...]:
    params = differing([record.params for record in records])
    return tuple(
        FrontRow(
            record.trial_id,
            _best(record).val_accuracy,
            _best(record).epoch,
            _best(record).weights_bytes,
            _best(record).latency,
            own,
        )
        for record, own in zip(records, params, strict=True)
    )
