"""What a head sees of samples: features of frozen networks, and n-grams where there are texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Rows = NDArray[np.int64] | slice


@dataclass(frozen=True)
class HeadInputs:
    """Features of N samples: at least one block, or n-grams."""

    dense: tuple[NDArray[np.float32], ...] = ()  # (N, D) a network
    sparse: csr_matrix | None = None  # (N, V) TF-IDF of n-grams, rows of length 1

    def __post_init__(self) -> None:
        lengths = {len(block) for block in self.dense} | ({self.sparse.shape[0]} if self.sparse is not None else set())
        if len(lengths) != 1:
            raise ValueError(f"All features must be of the same samples, but got {sorted(lengths)} of them.")

    def __len__(self) -> int:
        return len(self.dense[0]) if self.dense else int(self.sparse.shape[0])  # type: ignore[union-attr]

    def rows(self, rows: Rows) -> HeadInputs:
        """The samples of these rows, in their order."""
        sparse = None if self.sparse is None else self.sparse[rows]
        return HeadInputs(tuple(block[rows] for block in self.dense), sparse)
