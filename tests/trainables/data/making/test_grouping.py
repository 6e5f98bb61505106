"""Groups dealt to splits, whatever they are of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.data.making.grouping import deal, lacking


@st.composite
def member_tables(draw_from: st.DrawFn) -> np.ndarray:
    """(G, C) sizes of groups, most of one class, a few of two."""
    classes = draw_from(st.integers(2, 4))
    rows = []
    for label in range(classes):
        for size in draw_from(st.lists(st.integers(1, 6), min_size=3, max_size=25)):
            row = [0] * classes
            row[label] = size
            rows.append(row)
    return np.array(rows, dtype=np.int64)


SHARES = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4)).map(lambda s: (1 - s[0] - s[1], *s))


@settings(max_examples=200, deadline=None)
@given(members=member_tables(), shares=SHARES, seed=st.integers(0, 2**32))
def test_dealing_is_stratified_complete_and_repeatable(
    members: np.ndarray, shares: tuple[float, float, float], seed: int
) -> None:
    """Each class is within two of its largest groups of its share, every split has each class, the seed decides."""
    splits = deal(members, shares, np.random.default_rng(seed))
    assert lacking(splits, members, 3) == []
    for label in range(members.shape[1]):
        sizes = members[:, label]
        for split, share in enumerate(shares):
            assert abs(sizes[splits == split].sum() - share * sizes.sum()) <= 2 * sizes.max()
    np.testing.assert_array_equal(splits, deal(members, shares, np.random.default_rng(seed)))


def test_groups_of_two_classes_don_t_hinder_the_filling() -> None:
    """A group that holds two classes stays whole, and both classes still reach every split."""
    members = np.array([[3, 2], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    for seed in range(20):
        splits = deal(members, (0.6, 0.2, 0.2), np.random.default_rng(seed))
        assert lacking(splits, members, 3) == []
