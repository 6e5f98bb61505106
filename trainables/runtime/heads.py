"""Fitted heads on frozen features: kernel ridge, logistic regression, neighbours; how each makes logits of features.

They are fitted in `trainables.heads`, which takes its arithmetic on dense features from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .sparse import Matrix, Sparse

Block = NDArray[np.float32]  # (N, D) features of a network
SMOOTHING = 0.5  # votes that every class has from the beginning, in those of the most alike neighbour


@dataclass(frozen=True, eq=False)
class Features:
    """What a head sees of N samples: a block a network, and n-grams where there are texts."""

    dense: tuple[Block, ...]
    sparse: Sparse | None = None

    def __len__(self) -> int:
        return len(self.dense[0]) if self.dense else len(self.sparse or ())


class Head:
    """A fitted head, from its settings (plain values) and its tensors."""

    def __init__(self, family: str, settings: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
        self._score = {"kernel_ridge": self._kernel_ridge, "logistic": self._logistic, "neighbours": self._neighbours}[
            family
        ]
        self._settings, self._tensors = settings, tensors
        self._support = None if family == "logistic" else _support(tensors)

    def logits(self, features: Features) -> NDArray[np.float32]:
        """(N, C) of features as their networks gave them."""
        powers = self._settings["powers"]
        dense = tuple(of_length_one(block, power) for block, power in zip(features.dense, powers, strict=True))
        return self._score(Features(dense, features.sparse)).astype(np.float32)

    def _kernel_ridge(self, features: Features) -> Matrix:
        """The mean over blocks of exp(-d^2 / (2 width^2)), times a weight, plus n-grams' dot products, plus 1."""
        assert self._support is not None  # noqa: S101
        widths, weight = self._settings["widths"], self._settings["weight"]
        alike = np.ones((len(features), len(self._support)))
        for width, one, other in zip(widths, features.dense, self._support.dense, strict=True):
            alike += weight / len(widths) * np.exp(-squared(one, other) / (2 * width**2))
        if features.sparse is not None and self._support.sparse is not None:
            alike += features.sparse.times(self._support.sparse)
        return np.asarray(alike @ self._tensors["coefficients"])

    def _logistic(self, features: Features) -> Matrix:
        weights, start = self._tensors["weights"], 0
        found = np.tile(np.asarray(self._tensors["bias"], dtype=np.float64), (len(features), 1))
        for block in features.dense:
            found += block.astype(np.float64) @ weights[:, start : start + block.shape[1]].T
            start += block.shape[1]
        if features.sparse is not None:
            found += features.sparse.dot(np.asarray(weights[:, start:].T))
        return found

    def _neighbours(self, features: Features) -> Matrix:
        """The logarithms of the weighted votes of the samples that are most alike by their mean cosine."""
        assert self._support is not None  # noqa: S101
        settings, labels = self._settings, self._tensors["labels"]
        parts = [
            one.astype(np.float64) @ other.astype(np.float64).T
            for one, other in zip(features.dense, self._support.dense, strict=True)
        ]
        if features.sparse is not None and self._support.sparse is not None:
            parts.append(features.sparse.times(self._support.sparse))
        near, places = nearest(np.add.reduce(parts) / len(parts), settings["count"])
        found = votes(near, labels[places], settings["classes"], settings["sharpness"])
        return np.asarray(found * settings["factor"])


def _support(tensors: Mapping[str, NDArray[Any]]) -> Features:
    blocks = [tensors[f"dense_{place}"] for place in range(sum(key.startswith("dense_") for key in tensors))]
    if "sparse_shape" not in tensors:
        return Features(tuple(blocks))
    parts = (tensors["sparse_values"], tensors["sparse_columns"], tensors["sparse_starts"])
    return Features(tuple(blocks), Sparse(*parts, width=int(tensors["sparse_shape"][1])))


def of_length_one(block: Block, power: bool) -> Block:
    """The rows scaled to length 1; with `power` of the square roots, for features that come from a ReLU."""
    values = np.sqrt(np.maximum(block, 0)) if power else block
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    found: Block = (values / np.maximum(lengths, 1e-12)).astype(np.float32)
    return found


def squared(one: Block, other: Block) -> Matrix:
    """(N, M) squared distances of rows (N, D) and (M, D)."""
    dots = one.astype(np.float64) @ other.astype(np.float64).T
    mine, theirs = (np.square(rows, dtype=np.float64).sum(axis=1) for rows in (one, other))
    found: Matrix = np.maximum(mine[:, None] + theirs[None, :] - 2 * dots, 0)
    return found


def nearest(alike: Matrix, count: int) -> tuple[Matrix, NDArray[np.int64]]:
    """(N, K) the largest of each row, the largest first, and their columns; of equals the first.

    The K-th largest parts those that are taken from the others, in linear time: sorting whole rows took as
    long as the similarities themselves. Of several that equal it the first ones are taken.
    """
    count = min(count, alike.shape[1])
    if count == 0:
        return alike[:, :0], np.zeros((len(alike), 0), dtype=np.int64)
    least = np.partition(alike, -count, axis=1)[:, -count, None]
    taken = alike >= least
    tied = np.flatnonzero(taken.sum(axis=1) > count)
    larger, equal = alike[tied] > least[tied], alike[tied] == least[tied]
    lacking = count - larger.sum(axis=1, keepdims=True)
    taken[tied] = larger | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= lacking))
    places = np.nonzero(taken)[1].reshape(len(alike), count)
    order = np.argsort(-np.take_along_axis(alike, places, axis=1), axis=1, kind="stable")
    places = np.take_along_axis(places, order, axis=1)
    return np.take_along_axis(alike, places, axis=1), places


def votes(near: Matrix, labels: NDArray[np.int64], classes: int, sharpness: float) -> Matrix:
    """(N, C) the logarithm of each class's votes; `near` and `labels` are (N, K), the nearest first."""
    weights = np.exp(sharpness * (near - near[:, :1])) if near.shape[1] else near
    votes = np.full((len(near), classes), SMOOTHING)
    np.add.at(votes, (np.arange(len(near))[:, None], labels), np.nan_to_num(weights, nan=0.0))
    found: Matrix = np.log(votes)
    return found
