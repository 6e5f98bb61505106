"""Which classes are taken for which: the cells of a confusion matrix beside its diagonal, the largest first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class ConfusedPair:
    """One class that was taken for another one."""

    true: int  # index into the classes
    predicted: int  # likewise
    count: int  # samples, at least 1
    share: float  # of the true class's samples


def confused_pairs(confusion: ArrayLike) -> tuple[ConfusedPair, ...]:
    """Every pair that occurs in a confusion matrix (C, C), true classes by row.

    Most samples first, of equal ones the larger share of the true class, then the order of the classes.
    """
    counts: NDArray[np.int64] = np.asarray(confusion, dtype=np.int64)
    totals = counts.sum(axis=1)
    pairs = [
        ConfusedPair(true, predicted, int(counts[true, predicted]), float(counts[true, predicted] / totals[true]))
        for true, predicted in np.argwhere(counts).tolist()
        if true != predicted
    ]
    return tuple(sorted(pairs, key=lambda pair: (-pair.count, -pair.share, pair.true, pair.predicted)))
