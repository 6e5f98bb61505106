"""How alike two samples are."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_ready
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from sklearn.metrics.pairwise import rbf_kernel

from trainables.heads.inputs import HeadInputs
from trainables.heads.kernels import WEIGHTS, WIDTHS, Kernel, kernels_of, squared


@given(st.integers(0, 10**6))
def test_squared_distances_are_scipys(seed: int) -> None:
    """(N, M), never below 0."""
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(5, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    found = squared(one, np.concatenate([other, one]))
    np.testing.assert_allclose(found, cdist(one, np.concatenate([other, one]), "sqeuclidean"), atol=1e-12)
    assert (found >= 0).all()


def test_a_kernel_is_the_mean_over_blocks_and_the_n_grams() -> None:
    """Against scikit-learn's Gaussian; the constant 1 stands for an intercept."""
    inputs = made_ready(np.arange(9, dtype=np.int64) % 3, dense=2, sparse=True)
    assert inputs.sparse is not None
    gaussians = [
        rbf_kernel(block.astype(np.float64), gamma=1 / (2 * width**2))
        for block, width in zip(inputs.dense, (0.5, 2.0), strict=True)
    ]
    grams = inputs.sparse.toarray().astype(np.float64)
    expected = 1 + 0.7 * (gaussians[0] + gaussians[1]) / 2 + grams @ grams.T
    found = Kernel((0.5, 2.0), weight=0.7).between(inputs, inputs)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_widths_are_tried_without_n_grams_and_weights_beside_them() -> None:
    """Widths are multiples of the median distance; n-grams alone have one kernel."""
    labels = np.arange(20, dtype=np.int64) % 2
    dense, both = made_ready(labels), made_ready(labels, sparse=True)
    median = float(np.median(pdist(dense.dense[0].astype(np.float64))))
    assert [kernel.widths[0] for kernel in kernels_of(dense, seed=0)] == pytest.approx([w * median for w in WIDTHS])
    assert [kernel.weight for kernel in kernels_of(both, seed=0)] == list(WEIGHTS)
    assert len(kernels_of(HeadInputs((), both.sparse), seed=0)) == 1


def test_equal_rows_have_a_width() -> None:
    """A median distance of 0 would divide by it."""
    equal = HeadInputs((np.ones((4, 2), dtype=np.float32),))
    for kernel in kernels_of(equal, seed=0):
        np.testing.assert_allclose(kernel.between(equal, equal), 2)
