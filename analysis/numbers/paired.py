"""Whether one model is shown to be better than another on the same samples, or chance may have chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from analysis.numbers.intervals import Blocks, Interval, Right, gain_interval

SIGNIFICANT = 0.05  # a gain is said to be one where chance has less


class Verdict(StrEnum):
    """What a comparison shows."""

    BETTER = "better"
    WORSE = "worse"
    NOT_SHOWN = "not shown"


@dataclass(frozen=True)
class Comparison:
    """One model beside another, on the samples of one split."""

    gain: float  # the difference of their accuracies
    interval: Interval  # of the gain
    only_first: int  # samples that the first model alone is right about
    only_second: int
    p: float  # how likely so uneven a difference is between equally good models
    verdict: Verdict
    first: str = ""  # their names
    second: str = ""

    def adjusted(self, p: float, first: str, second: str) -> Comparison:
        """One of several comparisons, with its adjusted p, and with names."""
        return replace(self, p=p, verdict=verdict(self.gain, p), first=first, second=second)


def compared(ones: Right, others: Right, blocks: Blocks | None = None) -> Comparison:
    """The first model beside the second one; both (N,) whether they are right about each sample."""
    p = sign_p(ones.astype(np.int64) - others, blocks)
    gain = float(ones.mean() - others.mean())
    only_first, only_second = int((ones & ~others).sum()), int((others & ~ones).sum())
    return Comparison(gain, gain_interval(ones, others, blocks), only_first, only_second, p, verdict(gain, p))


def verdict(gain: float, p: float) -> Verdict:
    """What a gain with this p shows."""
    if p >= SIGNIFICANT or gain == 0:
        return Verdict.NOT_SHOWN
    return Verdict.BETTER if gain > 0 else Verdict.WORSE


def sign_p(differences: NDArray[np.int64], blocks: Blocks | None = None) -> float:
    """The two-sided mid-p of the sum of differences (N,) of -1, 0 and 1, where each block's sign is a coin's.

    Without blocks McNemar's mid-p test (Fagerland, Lydersen and Laake 2013, https://doi.org/10.1186/1471-2288-13-91).
    With blocks both models are exchanged in a whole block at a time: its exact distribution, from all blocks' sums.
    """
    if blocks is None:
        better, worse = int((differences > 0).sum()), int((differences < 0).sum())
        fewer, differing = min(better, worse), better + worse
        twice = 2 * binom.cdf(fewer, differing, 0.5) - binom.pmf(fewer, differing, 0.5)
        return 1.0 if better == worse else float(min(1.0, twice))
    _, own = np.unique(blocks, return_inverse=True)
    sums = np.abs(np.bincount(own, weights=differences).round().astype(np.int64))
    total = abs(int(differences.sum()))
    if total == 0:
        return 1.0
    chances = _chances(sums[sums > 0])
    middle = len(chances) // 2
    beyond = float(chances[middle + total + 1 :].sum())
    return min(1.0, 2 * beyond + float(chances[middle + total]))


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Each p by name, adjusted for being one of several: Holm's step-down (1979, https://www.jstor.org/stable/4615733).

    Of those that stay below a bound after this none is wrongly below it more often than the bound, all taken together.
    """
    found, highest = {}, 0.0
    for place, name in enumerate(sorted(ps, key=lambda one: ps[one])):
        highest = max(highest, min(1.0, (len(ps) - place) * ps[name]))
        found[name] = highest
    return {name: found[name] for name in ps}


def _chances(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """The chance of each total from minus to plus all sums (B,), the sign of each a coin's."""
    chances = np.ones(1)
    for one in sums.tolist():
        wider = np.zeros(len(chances) + 2 * one)
        wider[: len(chances)] += 0.5 * chances
        wider[2 * one :] += 0.5 * chances
        chances = wider
    return chances
