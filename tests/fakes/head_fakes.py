"""Features by hand, as heads see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from trainables.heads.inputs import HeadInputs
from trainables.heads.scaling import powers_of, scaled

LETTERS = 12  # n-grams


def made_inputs(labels: NDArray[np.int64], seed: int = 0, *, dense: int = 1, sparse: bool = False) -> HeadInputs:
    """Features of samples (N,) that lie about a mean of their class; n-grams that each class has other ones of."""
    rng = np.random.default_rng(seed)
    means = rng.normal(size=(int(labels.max(initial=0)) + 1, 8))
    blocks = tuple((means[labels] + 0.7 * rng.normal(size=(len(labels), 8))).astype(np.float32) for _ in range(dense))
    if not sparse:
        return HeadInputs(blocks)
    counts = rng.random((len(labels), LETTERS)) < 0.3
    counts[np.arange(len(labels)), labels % LETTERS] = True
    rows = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    return HeadInputs(blocks, csr_matrix(rows.astype(np.float32)))


def made_ready(labels: NDArray[np.int64], seed: int = 0, *, dense: int = 1, sparse: bool = False) -> HeadInputs:
    """The same with rows of length 1, as the families are given them."""
    inputs = made_inputs(labels, seed, dense=dense, sparse=sparse)
    return scaled(inputs, powers_of(inputs))
