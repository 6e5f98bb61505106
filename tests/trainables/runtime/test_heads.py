"""Heads without scipy say what the fitted ones say."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_inputs

from trainables.heads.fitting import fit_head
from trainables.heads.inputs import HeadInputs
from trainables.names import HEAD_FAMILIES, HeadFamily
from trainables.runtime.heads import Features, Head
from trainables.runtime.sparse import Sparse

LABELS = np.arange(40) % 3


def as_features(inputs: HeadInputs) -> Features:
    """The same features in the runtime's form."""
    if inputs.sparse is None:
        return Features(inputs.dense)
    rows = inputs.sparse
    return Features(inputs.dense, Sparse(rows.data, rows.indices, rows.indptr, rows.shape[1]))


@pytest.mark.parametrize("family", HEAD_FAMILIES)
@pytest.mark.parametrize(("dense", "sparse"), [(1, False), (2, True), (0, True)])
def test_logits_are_those_of_the_fitted_head(family: HeadFamily, dense: int, sparse: bool) -> None:
    """On one network, on two beside n-grams, on n-grams alone."""
    fitted, _ = fit_head(family, made_inputs(LABELS, dense=dense, sparse=sparse), LABELS, 3, None, seed=0)
    others = made_inputs(LABELS[:7], seed=9, dense=dense, sparse=sparse)
    said = Head(family, fitted.settings, fitted.tensors).logits(as_features(others))
    assert said.dtype == np.float32
    assert np.allclose(said, fitted.logits(others), atol=1e-5)
