"""Pairs of classes that are confused."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from analysis.numbers.confused import ConfusedPair, confused_pairs

MATRICES = st.integers(1, 6).flatmap(lambda n: arrays.arrays(np.int64, (n, n), elements=st.integers(0, 4)))


@settings(max_examples=100)
@given(MATRICES)
def test_every_mistake_is_in_one_pair(confusion: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    """All counts beside the diagonal, each once, the largest first."""
    pairs = confused_pairs(confusion)
    again = np.diag(np.diag(confusion))
    for pair in pairs:
        again[pair.true, pair.predicted] += pair.count
        assert pair.share == confusion[pair.true, pair.predicted] / confusion[pair.true].sum()
    assert np.array_equal(again, confusion)
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)


def test_of_equal_counts_the_larger_share_comes_first() -> None:
    """Two of four samples weigh more than two of ten."""
    assert confused_pairs([[8, 2], [2, 2]]) == (ConfusedPair(1, 0, 2, 0.5), ConfusedPair(0, 1, 2, 0.2))
