"""Kernels of samples: how alike two of them are, by features of frozen networks and by n-grams."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trainables.heads.inputs import HeadInputs
from trainables.runtime.heads import squared

Matrix = NDArray[np.float64]
# Of the Gaussian, over the median distance. On two sets of drawings 0.35 to 0.5 had the least log loss, held out of
# train and on val, at each of five picture sizes; 1.0 had .02 to .03 more, 2.0 and 3.0 were never chosen.
WIDTHS = (0.4, 0.6, 1.0)
WIDTH_BESIDE_NGRAMS = 0.6  # one alone, where their weight is tried: from 0.5 to 1.4 it hardly matters
WEIGHTS = (0.5, 1.0, 2.0)  # of the features beside n-grams
SAMPLED = 1000  # rows of which the median distance is taken


@dataclass(frozen=True)
class Kernel:
    """The mean over blocks of exp(-d^2 / (2 width^2)), times `weight`, plus the n-grams' dot product, plus 1.

    The last one stands for a constant, by which classes may differ in how often they occur.
    """

    widths: tuple[float, ...]  # of each dense block
    weight: float = 1.0

    def between(self, some: HeadInputs, others: HeadInputs) -> Matrix:
        """(N, M) for inputs whose rows have length 1."""
        found = np.ones((len(some), len(others)))
        for width, one, other in zip(self.widths, some.dense, others.dense, strict=True):
            found += self.weight / len(self.widths) * np.exp(-squared(one, other) / (2 * width**2))
        if some.sparse is not None and others.sparse is not None:
            found += np.asarray((some.sparse @ others.sparse.T).todense())
        return found


def kernels_of(train: HeadInputs, *, seed: int) -> list[Kernel]:
    """Those that are tried: each width, and beside n-grams each weight; n-grams alone have one."""
    if not train.dense:
        return [Kernel(())]
    medians = [_median_distance(block, seed) for block in train.dense]
    of_widths = WIDTHS if train.sparse is None else (WIDTH_BESIDE_NGRAMS,)
    of_weights = (1.0,) if train.sparse is None else WEIGHTS
    return [
        Kernel(tuple(width * median for median in medians), weight) for width, weight in product(of_widths, of_weights)
    ]


def _median_distance(block: NDArray[np.float32], seed: int) -> float:
    """Of pairs of different rows; 1 where all rows are equal."""
    chosen = np.random.default_rng(seed).permutation(len(block))[:SAMPLED]
    rows = block[np.sort(chosen)]
    distances = np.sqrt(squared(rows, rows)[np.triu_indices(len(rows), 1)])
    median = float(np.median(distances)) if len(distances) else 0.0
    return median if median > 1e-6 else 1.0
