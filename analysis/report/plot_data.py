"""What the report's pictures show, computed apart from their drawing so that tests can read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.numbers.confused import confused_pairs
from analysis.numbers.fusion import AlphaCurve, AlphaGrid, BestAlpha
from analysis.numbers.metrics import Scores
from analysis.numbers.mixture import Mixture, mixture_grid, weight_curves
from analysis.numbers.selection import best_epoch, qualifies, select_best
from trainables.records import StopReason, TrialRecord

_MOST_PAIRS = 15
_MOST_STEPS = 4000  # of a drawn curve: more than the picture has pixels


@dataclass(frozen=True)
class LearningCurve:
    """One trial's val accuracy by epoch."""

    trial_id: str
    epochs: tuple[int, ...]
    accuracies: tuple[float, ...]
    reason: StopReason  # why it ended


@dataclass(frozen=True)
class LearningCurves:
    """All trials of a modality that ended an epoch."""

    modality: str
    curves: tuple[LearningCurve, ...]
    best: str | None  # the selected trial's id; None where none may be selected
    peak: tuple[int, float] | None  # its best epoch, and the accuracy there


@dataclass(frozen=True, eq=False)
class AlphaPlot:
    """Val accuracy by alpha: the curve as drawn, the grid, and the chosen alpha."""

    edges: NDArray[np.float64]  # (K + 1,)
    accuracies: NDArray[np.float64]  # (K,)
    grid: AlphaGrid
    best: BestAlpha
    first: str  # the modality that alpha 0 leaves alone
    second: str  # the one of alpha 1


@dataclass(frozen=True, eq=False)
class WeightsPlot:
    """Val accuracy over the weights of three modalities and more."""

    fusion: Mixture
    curves: Mapping[str, AlphaCurve]  # by modality: along its own weight, the others in the chosen proportion
    points: NDArray[np.float64]  # (G, M) evenly spaced weights; of more than three modalities each alone
    accuracies: NDArray[np.float64]  # (G,)


@dataclass(frozen=True, eq=False)
class Confusion:
    """A confusion matrix: counts, and the share of each true class (rows; zeros where a class is absent)."""

    model: str
    classes: tuple[str, ...]  # (C,)
    counts: NDArray[np.int64]  # (C, C)
    shares: NDArray[np.float64]  # (C, C)


@dataclass(frozen=True)
class WorstPairs:
    """The pairs of classes that a model confuses most, the worst first."""

    model: str
    pairs: tuple[tuple[str, str], ...]  # true and predicted class
    counts: tuple[int, ...]  # samples
    shares: tuple[float, ...]  # of the true class's samples


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
            record.stop_reason,
        )
        for record in own
    )
    if not any(qualifies(record) for record in own):
        return LearningCurves(modality, curves, None, None)
    selected = select_best(own, modality)
    best = best_epoch(selected)
    return LearningCurves(modality, curves, selected.trial_id, (best.epoch, best.val_accuracy))


def alpha_info(curve: AlphaCurve, grid: AlphaGrid, fusion: Mixture) -> AlphaPlot:
    """The curve as drawn. Raises ValueError where the fusion isn't of two modalities."""
    if fusion.best_alpha is None:
        raise ValueError(f"Alpha is of two modalities, but got the weights {dict(fusion.weights)}.")
    drawn, (first, second) = drawable(curve), fusion.weights
    return AlphaPlot(drawn.edges, drawn.accuracies, grid, fusion.best_alpha, first, second)


def weights_info(logits: Mapping[str, ArrayLike], labels: ArrayLike, fusion: Mixture) -> WeightsPlot:
    """The accuracy over the simplex, and along each modality's weight; logits (N, C) by modality, labels (N,)."""
    curves = {name: drawable(curve) for name, curve in weight_curves(logits, labels, fusion.weights).items()}
    points, accuracies = mixture_grid(logits, labels, None if len(logits) == 3 else 1)
    return WeightsPlot(fusion, curves, points, accuracies)


def drawable(curve: AlphaCurve) -> AlphaCurve:
    """The curve with equal steps joined, sampled where it has more steps than a picture has pixels."""
    merged = curve.merged()
    if len(merged.accuracies) <= _MOST_STEPS:
        return merged
    edges = np.linspace(0, 1, _MOST_STEPS + 1)
    return AlphaCurve(edges, curve.at((edges[:-1] + edges[1:]) / 2))


def confusion_info(model: str, scores: Scores, classes: tuple[str, ...]) -> Confusion:
    """One model's confusion matrix, as counts and as shares of the true class."""
    counts = np.array(scores.confusion, dtype=np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    return Confusion(model, classes, counts, shares)


def worst_pairs_info(model: str, scores: Scores, classes: tuple[str, ...]) -> WorstPairs:
    """The first pairs of one model, at most as many as a picture has room for."""
    worst = confused_pairs(scores.confusion)[:_MOST_PAIRS]
    pairs = tuple((classes[one.true], classes[one.predicted]) for one in worst)
    return WorstPairs(model, pairs, tuple(one.count for one in worst), tuple(one.share for one in worst))


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
