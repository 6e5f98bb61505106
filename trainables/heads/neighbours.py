"""Nearest neighbours on frozen features and n-grams: the votes of the samples most alike.

On one core, with 1,280 features: 14,000 samples 13 s and 0.3 GB beside the features; 100,000 samples, of which 20,000
may be neighbours, 141 s and 1.4 GB.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from trainables.heads.inputs import HeadInputs
from trainables.heads.kernel_ridge import Between, landmarks_of
from trainables.heads.kernels import Matrix
from trainables.heads.temperature import calibrated
from trainables.runtime.heads import nearest, votes

COUNTS = (5, 10, 20, 40)  # neighbours that vote
SHARPNESSES = (10.0, 20.0, 40.0)  # a vote's weight is exp(sharpness * similarity)
CHUNK = 512  # samples at a time: their similarities to 20,000 take 80 MB


@dataclass(frozen=True)
class Neighbours:
    """A fitted one: logits are the logarithms of the neighbours' weighted votes."""

    count: int
    sharpness: float
    factor: float  # of the logits: 1 / temperature
    support: HeadInputs  # (M,) rows of length 1
    labels: NDArray[np.int64]  # (M,)
    classes: int
    out_of_fold: Matrix  # (N, C) logits of train, by neighbours of other folds

    def logits(self, inputs: HeadInputs) -> Matrix:
        """(N, C) of inputs whose rows have length 1."""
        found = np.empty((len(inputs), self.classes))
        for start in range(0, len(inputs), CHUNK):
            chunk = slice(start, start + CHUNK)
            alike = similarities(inputs.rows(chunk), self.support)
            near, places = nearest(alike, self.count)
            found[chunk] = votes(near, self.labels[places], self.classes, self.sharpness)
        return found * self.factor


def similarities(some: HeadInputs, others: HeadInputs) -> Matrix:
    """(N, M) the mean cosine over blocks and n-grams, for inputs whose rows have length 1."""
    parts = [
        one.astype(np.float64) @ other.astype(np.float64).T for one, other in zip(some.dense, others.dense, strict=True)
    ]
    if some.sparse is not None and others.sparse is not None:
        parts.append(np.asarray((some.sparse @ others.sparse.T).todense(), dtype=np.float64))
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total / len(parts)


def fit_neighbours(
    train: HeadInputs,
    labels: NDArray[np.int64],
    classes: int,
    folds: NDArray[np.int64],
    *,
    seed: int,
    most_support: int,
    between: Between = lambda: None,
) -> Neighbours:
    """The count and sharpness with the least log loss where no neighbour is of the sample's own fold.

    `train` has rows of length 1; `labels` and `folds` are (N,). Of more than `most_support` samples so many are kept,
    drawn at random, each class by its share.
    """
    kept = landmarks_of(labels, most_support, seed)
    support = train.rows(kept)
    near, places = _nearest_of_other_folds(train, support, folds, folds[kept], between)
    best: tuple[float, int, float, float, Matrix] | None = None
    for count, sharpness in product(COUNTS, SHARPNESSES):
        held_out = votes(near[:, :count], labels[kept][places[:, :count]], classes, sharpness)
        loss, factor = calibrated(held_out, labels)
        if best is None or loss < best[0]:
            best = loss, count, sharpness, factor, held_out * factor
    assert best is not None, "there are counts"  # noqa: S101
    _, count, sharpness, factor, out_of_fold = best
    return Neighbours(count, sharpness, factor, support, labels[kept], classes, out_of_fold)


def _nearest_of_other_folds(
    train: HeadInputs,
    support: HeadInputs,
    folds: NDArray[np.int64],
    support_folds: NDArray[np.int64],
    between: Between,
) -> tuple[Matrix, NDArray[np.int64]]:
    """Similarities and places (N, K) of the nearest; -inf where there are fewer."""
    near, places = [], []
    for start in range(0, len(train), CHUNK):
        between()
        chunk = slice(start, start + CHUNK)
        alike = similarities(train.rows(chunk), support)
        alike[folds[chunk][:, None] == support_folds[None, :]] = -np.inf
        best, where = nearest(alike, max(COUNTS))
        near.append(best)
        places.append(where)
    return np.concatenate(near), np.concatenate(places)
