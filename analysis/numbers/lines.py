"""The accuracy of weighted modalities: counted at points, and known exactly along the lines to one modality.

A point is M weights, at least 0 and 1 in sum. A sample that lacks modalities is decided by those that it has, with
their weights; where these are all 0, with equal ones. A factor common to them changes no decision, so they aren't
divided by their sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.fusion import SAME, AlphaCurve, best_alpha, curve_of, winning_intervals
from analysis.numbers.logits import Floats, Labels, margins, safe_scale

_AT_ONCE = 2_000_000  # margins in memory
_ROUNDING = 4 * np.finfo(np.float64).eps  # of a sum of products, by the sum of their sizes


@dataclass(frozen=True, eq=False)
class _Group:
    """The samples that have the same modalities; margins are kept of those of which it depends on the weights."""

    present: NDArray[np.bool_]  # (M,)
    margins: Floats  # (M, C - 1, n), 0 of the modalities that they lack
    always: int  # how many samples are right whatever the weights are


@dataclass(frozen=True)
class LineBest:
    """The best point of one line."""

    weights: tuple[float, ...]  # (M,)
    accuracy: float
    towards: int
    low: float
    high: float


class Lines:
    """The samples' accuracy as a function of the weights; the best of a line is found once.

    `logits` is (M, N, C), 0 where `present` (M, N) is false; `labels` (N,) are indices into the classes. All checked.
    """

    def __init__(self, logits: Floats, present: NDArray[np.bool_], labels: Labels) -> None:
        self.modalities, self.samples, classes = logits.shape
        self.rivals = classes - 1
        self._groups = _groups(logits, present, labels)
        self._known: dict[tuple[tuple[float, ...], int], LineBest] = {}

    def towards(self, point: Floats, modality: int) -> LineBest:
        """The best on the line from the point's other modalities, in their proportion, to `modality` alone."""
        rest = self.rest(point, modality)
        key = tuple(rest.tolist()), modality
        if key not in self._known:
            self._known[key] = self._best(rest, modality)
        return self._known[key]

    def rest(self, point: Floats, modality: int) -> Floats:
        """Where the line begins: the point without `modality`, the others in proportion; equal where all are 0."""
        others = np.arange(self.modalities) != modality
        kept = over_present(point, others)
        rest: Floats = kept / kept.sum()
        return rest

    def curve(self, rest: Floats, modality: int) -> AlphaCurve:
        """The accuracy along the line from `rest`, which is without `modality`, to `modality` alone."""
        intervals = [_intervals(group, rest, modality) for group in self._groups]
        low, high = (np.concatenate(ends) for ends in zip(*intervals, strict=True))
        return curve_of(low, high, self.samples, sum(group.always for group in self._groups))

    def right(self, points: Floats) -> NDArray[np.int64]:
        """How many samples are right at each of the points (G, M); (G,)."""
        counts: NDArray[np.int64] = np.sum([_right(group, points) for group in self._groups], axis=0, dtype=np.int64)
        return counts

    def _best(self, rest: Floats, modality: int) -> LineBest:
        # Where roots of several samples are one, their rounding opens a gap that isn't there.
        best = best_alpha(self.curve(rest, modality), narrowest=SAME)
        weights = (1 - best.alpha) * rest
        weights[modality] = best.alpha
        return LineBest(tuple(weights.tolist()), best.accuracy, modality, best.low, best.high)


def _right(group: _Group, points: Floats) -> NDArray[np.int64]:
    """How many of the group's samples are right at each point; (G,)."""
    weights, samples = over_present(points, group.present), group.margins.shape[2]
    counts = np.full(len(points), group.always, dtype=np.int64)
    chunk = max(_AT_ONCE // max(samples, 1), 1)
    for start in range(0, len(points), chunk):
        part = weights[start : start + chunk]
        right = np.ones((len(part), samples), dtype=np.bool_)
        for rival in range(group.margins.shape[1]):
            right &= part @ group.margins[:, rival] > 0
        counts[start : start + chunk] += right.sum(axis=1)
    return counts


def _intervals(group: _Group, rest: Floats, modality: int) -> tuple[Floats, Floats]:
    """(low, high), each (n,): where on the line from `rest` to `modality` the group's samples are right."""
    start, end = _ends(group.present, rest, modality)
    rivals = np.moveaxis(group.margins, 1, 0)
    return winning_intervals(((_margin(start, one), _margin(end, one)) for one in rivals), group.margins.shape[2])


def _margin(weights: Floats, margins: Floats) -> Floats:
    """The weighted sum (n,) of margins (M, n); 0 where it is no more than its rounding, which would decide a tie."""
    found: Floats = weights @ margins
    rounding = _ROUNDING * (weights @ np.abs(margins))
    return np.where(np.abs(found) <= rounding, 0.0, found)


def _ends(present: NDArray[np.bool_], rest: Floats, modality: int) -> tuple[Floats, Floats]:
    """The weights at both ends of a line, up to a factor, for samples that have the modalities `present` (M,).

    A sample that lacks one of the two ends is decided by the other one, all along the line.
    """
    vertex = np.zeros(len(rest))
    vertex[modality] = 1.0
    if not present[modality]:
        start = over_present(rest, present)
        return start, start
    return (rest * present, vertex) if (rest * present).any() else (vertex, vertex)


def over_present(weights: Floats, present: NDArray[np.bool_]) -> Floats:
    """Weights (..., M) with 0 for what isn't `present` (..., M); equal ones where all are 0. They don't sum to 1."""
    kept = weights * present
    return np.where(kept.any(axis=-1, keepdims=True), kept, present)


def _groups(arrays: Floats, present: NDArray[np.bool_], labels: Labels) -> list[_Group]:
    """The samples by what they have; logits (M, N, C)."""
    scale = safe_scale(arrays)
    patterns, place = np.unique(present, axis=1, return_inverse=True)
    return [
        _group(arrays[:, place.ravel() == number], pattern, labels[place.ravel() == number], scale)
        for number, pattern in enumerate(patterns.T)
    ]


def _group(arrays: Floats, present: NDArray[np.bool_], labels: Labels, scale: float) -> _Group:
    """Logits (M, n, C) of samples that have the same modalities; `present` (M,) says which."""
    found = np.array([list(margins(one * scale, labels)) for one in arrays]).reshape(len(arrays), -1, len(labels))
    own = found[present]
    always = (own > 0).all(axis=(0, 1))
    never = (own <= 0).all(axis=0).any(axis=0)
    return _Group(present, found[:, :, ~(always | never)], int(always.sum()))
