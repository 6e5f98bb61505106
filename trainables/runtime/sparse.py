"""Rows of mostly zeros, such as n-grams, without scipy: what a head needs of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sparse:
    """N rows of V numbers: row n has values[k] in columns[k] for starts[n] <= k < starts[n + 1], and else zeros."""

    values: NDArray[np.float32]
    columns: NDArray[np.integer]
    starts: NDArray[np.integer]  # (N + 1,)
    width: int  # V

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, other: Sparse) -> Matrix:
        """(N, M) dot products with the rows of another one (M, V); quick where N is small."""
        rows = np.repeat(np.arange(len(other)), np.diff(other.starts))
        found, dense = np.zeros((len(self), len(other))), np.zeros(self.width)
        for place, (start, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            own = self.columns[start:end]
            dense[own] = self.values[start:end]
            found[place] = np.bincount(rows, other.values * dense[other.columns], minlength=len(other))
            dense[own] = 0
        return found

    def dot(self, weights: Matrix) -> Matrix:
        """(N, C) products with a matrix (V, C)."""
        found = np.zeros((len(self), weights.shape[1]))
        for place, (start, end) in enumerate(zip(self.starts[:-1], self.starts[1:], strict=True)):
            found[place] = self.values[start:end].astype(np.float64) @ weights[self.columns[start:end]]
        return found
