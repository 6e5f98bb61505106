"""Any score of the fusion of two models as an exact function of the weight alpha: accuracy, F1, balanced accuracy.

Each class' fused logit is a line over alpha, so that a sample's class is the upper envelope of these lines: it changes
at a few break points. Between the break points of all samples the confusion of classes is constant, and with it every
score that is made of it. `fusion` has the accuracy alone, by a shorter way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.numbers.fusion import AlphaCurve
from analysis.numbers.logits import Floats, Labels, checked_labels, checked_logits, refuse_unused, safe_scale
from trainables.names import ACCURACY, FusedMetric

Counts = NDArray[np.int64]

_SMALLEST = float(np.nextafter(0.0, 1.0))
_BELOW_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True, eq=False)
class Changes:
    """Where samples change their class as alpha rises, in no order, and what they are said to be at alpha 0."""

    start: Labels  # (N,)
    at: Floats  # (K,) alphas
    sample: Labels  # (K,)
    before: Labels  # (K,) the class below that alpha
    after: Labels  # (K,) and above


def score_curve(
    first_logits: ArrayLike, second_logits: ArrayLike, labels: ArrayLike, metric: FusedMetric = ACCURACY
) -> AlphaCurve:
    """A score of the fusion as a step function of alpha; logits (N, C) twice, labels (N,) indices into the classes.

    As scikit-learn has it with all C classes: macro F1 counts a class without samples as 0, balanced accuracy leaves it
    out. A tie of the true class with another is wrong, as in `alpha_curve`. Takes O(N C + K (C + log K)) with K
    changes, of which a sample has C - 1 at most. Raises ValueError as `alpha_curve` does.
    """
    logits, present = checked_logits([first_logits, second_logits])
    refuse_unused(present)
    classes = checked_labels(labels, logits.shape[1:])
    scale = safe_scale(logits)
    first = np.where(present[0, :, None], logits[0], logits[1]) * scale
    second = np.where(present[1, :, None], logits[1], logits[0]) * scale
    return _curve(changes_of(first, second, classes), classes, logits.shape[2], metric)


def changes_of(first: Floats, second: Floats, labels: Labels) -> Changes:
    """Every sample's walk along the upper envelope of its classes; finite logits (N, C) at alpha 0 and at alpha 1."""
    rows = np.arange(len(labels))
    start = now = _first_of(first, second, labels)
    at = np.zeros(len(labels))
    found: list[tuple[Floats, Labels, Labels, Labels]] = []
    while len(rows):
        root, after = _next(first[rows], second[rows], labels[rows], now, at)
        goes_on = root < 1
        rows, before, now, at = rows[goes_on], now[goes_on], after[goes_on], root[goes_on]
        found.append((at, rows, before, now))
    return Changes(start, *(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _first_of(first: Floats, second: Floats, labels: Labels) -> Labels:
    """The class right above alpha 0: the largest at 0, of equals the largest at 1, of equals not the true one."""
    best = first == first.max(axis=1, keepdims=True)
    rising = np.where(best, second, -np.inf)
    return _untrue(rising == rising.max(axis=1, keepdims=True), labels)


def _next(first: Floats, second: Floats, labels: Labels, now: Labels, at: Floats) -> tuple[Floats, Labels]:
    """Where the class `now` is overtaken next, above `at` (n,), and by which; 1 where it isn't on (0, 1)."""
    rows = np.arange(len(now))
    own_first, own_second = first[rows, now][:, None], second[rows, now][:, None]
    gap, lead = own_first - first, second - own_second
    overtakes = lead > 0  # it can't have been above at alpha 0: then it would have been the class
    roots = np.divide(gap, gap + lead, out=np.ones_like(gap), where=overtakes)
    strictly = overtakes & (gap > 0)  # a model that decides without a tie keeps its end of the interval
    np.clip(roots, _SMALLEST, _BELOW_ONE, out=roots, where=strictly)
    np.maximum(roots, at[:, None], out=roots)  # a rounded root may lie before the last one
    root = roots.min(axis=1)
    steepest = np.where(overtakes & (roots == root[:, None]), second, -np.inf)
    return root, _untrue(steepest == steepest.max(axis=1, keepdims=True), labels)


def _untrue(candidates: NDArray[np.bool_], labels: Labels) -> Labels:
    """The first class of each row's candidates (n, C) that isn't the true one; the true one where it is alone."""
    others = candidates.copy()
    others[np.arange(len(labels)), labels] = False
    return np.where(others.any(axis=1), others.argmax(axis=1), labels)


def _curve(changes: Changes, labels: Labels, classes: int, metric: FusedMetric) -> AlphaCurve:
    edges = np.unique(np.concatenate([[0.0, 1.0], changes.at]))
    place = np.searchsorted(edges, changes.at)
    total = np.zeros(len(edges) - 1)
    for support, hits, predicted in _counts(changes, labels, classes, place, len(total)):
        total += _part(metric, hits, predicted, support)
    return AlphaCurve(edges, total / _whole(metric, labels, classes))


def _counts(
    changes: Changes, labels: Labels, classes: int, place: Labels, steps: int
) -> Iterator[tuple[int, Counts, Counts]]:
    """Of each class: its samples, and at each step those of them that are told, and all that are said to be it."""
    true = labels[changes.sample]
    for one in range(classes):
        predicted = np.zeros(steps, dtype=np.int64)
        hits = np.zeros(steps, dtype=np.int64)
        predicted[0], hits[0] = (changes.start == one).sum(), ((changes.start == one) & (labels == one)).sum()
        for said, sign in ((changes.after == one, 1), (changes.before == one, -1)):
            predicted += sign * np.bincount(place[said], minlength=steps)
            hits += sign * np.bincount(place[said & (true == one)], minlength=steps)
        yield int((labels == one).sum()), hits.cumsum(), predicted.cumsum()


def _part(metric: FusedMetric, hits: Counts, predicted: Counts, support: int) -> Floats:
    """What a class adds to the score (K,), before it is divided by `_whole`."""
    if metric == ACCURACY:
        return hits.astype(np.float64)
    if metric == "balanced_accuracy":
        return hits / max(support, 1)
    whole = predicted + support
    f1: Floats = np.divide(2 * hits, whole, out=np.zeros(len(hits)), where=whole > 0)
    return f1 * support if metric == "weighted_f1" else f1


def _whole(metric: FusedMetric, labels: Labels, classes: int) -> int:
    return {"macro_f1": classes, "balanced_accuracy": len(np.unique(labels))}.get(metric, len(labels))
