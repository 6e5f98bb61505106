"""What a head sees of samples."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_inputs
from scipy.sparse import csr_matrix

from trainables.heads.inputs import HeadInputs


def test_rows_are_those_of_every_part() -> None:
    """Blocks and n-grams stay with their sample, in the order asked for, by numbers or as a slice."""
    labels = np.arange(6, dtype=np.int64) % 3
    inputs = made_inputs(labels, dense=2, sparse=True)
    rows = np.array([4, 0, 4])
    chosen = inputs.rows(rows)
    assert len(inputs) == 6
    assert len(chosen) == 3
    for whole, part in zip(inputs.dense, chosen.dense, strict=True):
        np.testing.assert_array_equal(part, whole[rows])
    assert inputs.sparse is not None
    assert chosen.sparse is not None
    np.testing.assert_array_equal(chosen.sparse.toarray(), inputs.sparse.toarray()[rows])
    assert len(inputs.rows(slice(4, 9))) == 2


def test_n_grams_alone_have_a_length() -> None:
    """Texts without an encoder are inputs too."""
    assert len(HeadInputs((), csr_matrix(np.eye(3, dtype=np.float32)))) == 3


@pytest.mark.parametrize("lengths", [(), (3, 4)])
def test_features_of_different_samples_are_refused(lengths: tuple[int, ...]) -> None:
    """No part at all, or parts of different lengths."""
    with pytest.raises(ValueError, match="same samples"):
        HeadInputs(tuple(np.zeros((length, 2), dtype=np.float32) for length in lengths))
