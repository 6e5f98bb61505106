"""Features made comparable."""

from __future__ import annotations

import numpy as np

from trainables.heads.inputs import HeadInputs
from trainables.heads.scaling import powers_of, scaled


def test_rows_have_length_one_and_relu_features_are_square_roots() -> None:
    """Which block is of a ReLU is train's to say; a row of zeros stays one."""
    relu = np.array([[9.0, 16.0], [0.0, 0.0]], dtype=np.float32)
    signed = np.array([[3.0, -4.0], [1.0, 0.0]], dtype=np.float32)
    inputs = HeadInputs((relu, signed))
    powers = powers_of(inputs)
    assert powers == (True, False)
    found = scaled(inputs, powers).dense
    np.testing.assert_allclose(found[0], [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(found[1], [[0.6, -0.8], [1.0, 0.0]], rtol=1e-6)
    assert {block.dtype for block in found} == {np.dtype(np.float32)}


def test_what_train_says_holds_for_others() -> None:
    """A negative feature where train had none counts as 0, so that no logit becomes NaN."""
    found = scaled(HeadInputs((np.array([[4.0, -1.0]], dtype=np.float32),)), (True,)).dense[0]
    np.testing.assert_array_equal(found, [[1, 0]])
