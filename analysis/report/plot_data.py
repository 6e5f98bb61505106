"""What the report's pictures show, computed apart from their drawing so that tests can read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.fusion import AlphaCurve, BestAlpha
from analysis.numbers.metrics import Scores
from analysis.numbers.selection import qualifies, select_best
from trainables.records import StopReason, TrialRecord

_MOST_STEPS = 4000  # of a drawn curve: more than the picture has pixels


@dataclass(frozen=True)
class LearningCurve:
    """One trial's val accuracy by epoch."""

    trial_id: str
    epochs: tuple[int, ...]
    accuracies: tuple[float, ...]
    finished: bool  # completed, not cut short


@dataclass(frozen=True)
class LearningCurves:
    """All trials of a modality; `best` is the selected one's id."""

    modality: str
    curves: tuple[LearningCurve, ...]
    best: str | None


@dataclass(frozen=True, eq=False)
class AlphaPlot:
    """The curve as drawn, the grid, and the choice."""

    edges: NDArray[np.float64]
    accuracies: NDArray[np.float64]
    grid: tuple[tuple[float, float], ...]
    best: BestAlpha


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix: counts, and the share of each true class (rows; zeros where a class is absent)."""

    model: str
    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    shares: NDArray[np.float64]


@dataclass(frozen=True)
class Bars:
    """One metric of every row on val and test, as shares; `test` is None before the test."""

    metric: str
    names: tuple[str, ...]
    models: tuple[str, ...]
    val: tuple[float, ...]
    test: tuple[float, ...] | None


def learning_curves_info(records: Sequence[TrialRecord], modality: str) -> LearningCurves:
    """The curves of a modality's trials that ended an epoch."""
    own = [record for record in records if record.modality == modality and record.epochs]
    curves = tuple(
        LearningCurve(
            record.trial_id,
            tuple(epoch.epoch for epoch in record.epochs),
            tuple(epoch.val_accuracy for epoch in record.epochs),
            record.stop_reason is StopReason.COMPLETED,
        )
        for record in own
    )
    usable = any(qualifies(record) for record in own)
    return LearningCurves(modality, curves, select_best(own, modality).trial_id if usable else None)


def alpha_info(curve: AlphaCurve, grid: tuple[tuple[float, float], ...], best: BestAlpha) -> AlphaPlot:
    """The curve with equal steps joined, sampled where it has more steps than the picture has pixels."""
    merged = curve.merged()
    edges, accuracies = merged.edges, merged.accuracies
    if len(accuracies) > _MOST_STEPS:
        edges = np.linspace(0, 1, _MOST_STEPS + 1)
        accuracies = curve.at((edges[:-1] + edges[1:]) / 2)
    return AlphaPlot(edges, accuracies, grid, best)


def confusion_info(model: str, scores: Scores, classes: tuple[str, ...]) -> Confusion:
    """One model's matrix."""
    counts = np.array(scores.confusion, dtype=np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    return Confusion(model, classes, counts, shares)


def bars_info(
    metric: str, field: str, names: Mapping[str, str], val: Mapping[str, Scores], test: Mapping[str, Scores] | None
) -> Bars:
    """The metric `field` of every row in `names` (row -> its name)."""
    return Bars(
        metric=metric,
        names=tuple(names.values()),
        models=tuple(names),
        val=tuple(float(getattr(val[row], field)) for row in names),
        test=tuple(float(getattr(test[row], field)) for row in names) if test else None,
    )
