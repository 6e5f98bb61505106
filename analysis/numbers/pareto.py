"""Where a search had two objectives: the trials that no other one beats in both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analysis.numbers.selection import best_epoch, qualifies
from trainables.records import TrialRecord


@dataclass(frozen=True)
class TrialPoint:
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
    points: tuple[TrialPoint, ...]  # of every trial that may be selected
    front: tuple[TrialPoint, ...]  # as `pareto_front` orders it
    selected: str  # trial id
    rows: tuple[FrontRow, ...]  # of the front, the most accurate first


def pareto_front(points: Sequence[TrialPoint]) -> tuple[TrialPoint, ...]:
    """The points that no other one dominates, the cheapest first. Equal points are on it together, or not at all.

    A point dominates another one where it is at least as accurate and at most as costly, and better in one of the two.
    """
    front: list[TrialPoint] = []
    for point in sorted(points, key=lambda one: (one.cost, -one.accuracy)):
        if not front or point.accuracy > front[-1].accuracy or equal(point, front[-1]):
            front.append(point)
    return tuple(front)


def front_of(records: Sequence[TrialRecord], modality: str, selected: str) -> Front | None:
    """The front of a modality's trials; None where its search had one objective, or no trial has a known cost."""
    own = {record.trial_id: record for record in records if record.modality == modality and qualifies(record)}
    objective = next((record.objectives[1] for record in own.values() if len(record.objectives) > 1), None)
    if objective is None:
        return None
    costs = {trial_id: best_epoch(record).objective(objective) for trial_id, record in own.items()}
    points = tuple(
        TrialPoint(trial_id, best_epoch(own[trial_id]).val_accuracy, cost)
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


def equal(one: TrialPoint, other: TrialPoint) -> bool:
    """Whether two trials are equally accurate and cost the same."""
    return (one.accuracy, one.cost) == (other.accuracy, other.cost)


def _rows(records: Sequence[TrialRecord]) -> tuple[FrontRow, ...]:
    params = differing([record.params for record in records])
    return tuple(_row(record, own) for record, own in zip(records, params, strict=True))


def _row(record: TrialRecord, params: Mapping[str, Any]) -> FrontRow:
    best = best_epoch(record)
    return FrontRow(record.trial_id, best.val_accuracy, best.epoch, best.weights_bytes, best.latency, params)
