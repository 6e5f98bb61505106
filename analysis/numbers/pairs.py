"""Which models go best together, one of each modality: every pair's exact fusion on val is compared.

The best pair need not be the pair of the best: models that err on other samples add more to each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.logits import Floats
from analysis.numbers.mixture import best_mixture, mix
from trainables.heads.temperature import log_loss


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model that may be chosen: its val logits (N, C), and what it costs where others are as good."""

    name: str
    logits: Floats
    cost: tuple[float, ...] = ()  # seconds a sample, bytes: the lower the better


def best_together(candidates: Mapping[str, Sequence[Candidate]], labels: NDArray[np.int64]) -> dict[str, Candidate]:
    """One candidate a modality, those whose best fusion is right for the most samples; labels (N,).

    Two modalities: the best of all pairs, each at its own exact best alpha. More: from the first candidate of each on,
    every candidate of one modality after the other is tried beside the others, until none gains. Of equals the lower
    log loss of the fusion, then the lower cost, then the earlier candidates. Candidates are given the best first; of a
    single modality the first is chosen. Raises ValueError where a modality has none.
    """
    if not candidates or not all(candidates.values()):
        raise ValueError(f"Each modality must have a candidate, but got {[*candidates]} with some without one.")
    names = list(candidates)
    if len(names) == 1:
        return {names[0]: candidates[names[0]][0]}
    if len(names) == 2:
        first, second = candidates.values()
        return dict(zip(names, _best_pair(first, second, labels), strict=True))
    return _climbed(candidates, labels)


def _best_pair(
    first: Sequence[Candidate], second: Sequence[Candidate], labels: NDArray[np.int64]
) -> tuple[Candidate, Candidate]:
    """All pairs; only of those that tie for the best is the log loss asked."""
    found = {
        (row, column): best_alpha(alpha_curve(one.logits, other.logits, labels))
        for row, one in enumerate(first)
        for column, other in enumerate(second)
    }
    most = max(_right(best.accuracy, labels) for best in found.values())

    def order(pair: tuple[int, int]) -> tuple[float, tuple[float, ...], tuple[int, int]]:
        one, other, alpha = first[pair[0]], second[pair[1]], found[pair].alpha
        fused = mix({"first": one.logits, "second": other.logits}, {"first": 1 - alpha, "second": alpha})
        return _log_loss(fused, labels), _summed(one.cost, other.cost), pair

    tied = [pair for pair, best in found.items() if _right(best.accuracy, labels) == most]
    row, column = min(tied, key=order)
    return first[row], second[column]


def _climbed(candidates: Mapping[str, Sequence[Candidate]], labels: NDArray[np.int64]) -> dict[str, Candidate]:
    chosen = {name: own[0] for name, own in candidates.items()}
    best, gained = _fused(chosen, labels), True
    while gained:
        gained = False
        for name, own in candidates.items():
            for one in own:
                found = _fused({**chosen, name: one}, labels)
                if found > best:
                    chosen, best, gained = {**chosen, name: one}, found, True
    return chosen


def _fused(chosen: Mapping[str, Candidate], labels: NDArray[np.int64]) -> int:
    """How many samples the best fusion of these is right for."""
    return _right(best_mixture({name: one.logits for name, one in chosen.items()}, labels).accuracy, labels)


def _right(accuracy: float, labels: NDArray[np.int64]) -> int:
    return round(accuracy * len(labels))


def _log_loss(logits: Floats, labels: NDArray[np.int64]) -> float:
    """Rounded, so that sums in another order are equal."""
    return round(log_loss(logits, labels), 9)


def _summed(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(mine + theirs for mine, theirs in zip(one, other, strict=True))
