"""Labels that are likely wrong, by confident learning, from chances of a model that did not learn from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDING = 1e-12  # of a mean of chances that are all the same


@dataclass(frozen=True)
class LikelyError:
    """A sample whose label is likely wrong."""

    row: int
    given: int  # the label, an index into the classes
    suggested: int  # the class that the model says with confidence
    chance: float  # of the class suggested
    of_given: float  # the chance of the label


def likely_errors(chances: NDArray[np.floating], labels: NDArray[np.int64]) -> tuple[LikelyError, ...]:
    """The likeliest first; chances (N, C) of held-out predictions, labels (N,).

    Northcutt, Jiang and Chuang (2021, https://doi.org/10.1613/jair.1.12125): a class is said with confidence where its
    chance is at least the mean that samples of its label have for it. Of several such classes the likeliest counts; a
    sample for which that isn't its label is off the confident joint's diagonal. Rows of NaN are passed over.
    """
    known = np.isfinite(chances).all(axis=1)
    count = chances.shape[1]
    thresholds = np.full(count, np.inf)  # a class without samples is never said with confidence
    for place in range(count):
        if len(own := chances[known & (labels == place), place]):
            thresholds[place] = own.mean() - ROUNDING
    confident = np.where(known[:, None] & (chances >= thresholds), chances, -np.inf)
    said = confident.argmax(axis=1)
    off = np.flatnonzero(np.isfinite(confident.max(axis=1)) & (said != labels))
    found = [
        LikelyError(
            row, int(labels[row]), int(said[row]), float(chances[row, said[row]]), float(chances[row, labels[row]])
        )
        for row in off.tolist()
    ]
    return tuple(sorted(found, key=lambda one: (one.of_given - one.chance, one.row)))
