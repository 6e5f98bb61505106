"""How much of the class one thing tells."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.data.check.telling import (
    folds_of,
    lookup_right,
    nearest_classes,
    neighbours_right,
    told,
    tree_right,
    wilson,
)

RNG = np.random.default_rng(0)
ALONE = np.arange(300)  # every sample a group of its own
RUNS = np.repeat(RNG.integers(0, 3, 75), 4)  # (300,) classes in runs of four


def test_wilsons_interval() -> None:
    """The textbook's value for 8 of 10 at 95 %, and nothing outside 0 to 1."""
    assert wilson(0.8, 10, 1.959964) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert 0 <= wilson(0.0, 5, 2.0)[0] < 1e-9


def test_an_interval_is_as_wide_as_the_clusters_ask_for() -> None:
    """Forty samples that are right and wrong together are worth about one; the widest way of clustering counts."""
    right = np.repeat(np.tile([True, False], 5), 40)
    labels = np.arange(400) % 2
    alone, together = np.arange(400), np.repeat(np.arange(10), 40)
    narrow, wide = told(right, labels, [alone], 1), told(right, labels, [alone, together], 1)
    assert narrow.high - narrow.low < 0.15
    assert wide.high - wide.low > 0.6
    assert told(right, labels, [alone], 50).low < narrow.low
    perfect = told(np.ones(400, dtype=bool), labels, [together], 1)
    assert perfect.low < 0.7


def test_a_gain_must_be_sure_and_matter() -> None:
    """A point more than the majority is nothing however sure it is, and twenty are nothing if they are chance."""
    labels = np.arange(100_000) % 2
    assert not told(RNG.random(100_000) < 0.52, labels, [np.arange(100_000)], 1).notable
    assert told(RNG.random(100_000) < 0.6, labels, [np.arange(100_000)], 1).notable
    assert not told(np.arange(10) < 7, labels[:10], [np.arange(10)], 1).notable


def test_a_group_is_in_one_fold() -> None:
    """Each sample is asked once, and none is learnt from while its group is asked."""
    groups = RNG.integers(0, 30, 200)
    asked = []
    for learnt, rows in folds_of(groups):
        assert not set(groups[learnt]) & set(groups[rows])
        asked += rows.tolist()
    assert sorted(asked) == list(range(200))
    assert list(folds_of(np.zeros(5, dtype=np.int64))) == []


def test_neighbours_find_runs_and_not_chance() -> None:
    """Runs of one class are told by their numbers, shuffled classes aren't, and neither is a run that is one group."""
    numbers = np.arange(300.0)
    assert neighbours_right(numbers, RUNS, ALONE).mean() > 0.6
    assert neighbours_right(numbers, RNG.permutation(RUNS), ALONE).mean() < 0.45
    assert neighbours_right(numbers, RUNS, np.repeat(np.arange(75), 4)).mean() < 0.45


def test_the_nearest_decide() -> None:
    """One, five and fifteen neighbours; samples without a number get the class of those that have none."""
    values = np.array([1.0, 2, 3, 10, 11, 12, 13, np.nan, np.nan])
    labels = np.array([0, 1, 1, 2, 2, 2, 2, 3, 3])
    assert nearest_classes(values, labels, np.array([1.1, 12.4, np.nan])).tolist() == [[0, 1, 2], [2, 2, 2], [3, 3, 3]]


def test_trees_and_lookups() -> None:
    """A size and a word that go with the class are found; by cross-validation chance isn't."""
    labels = np.arange(300) % 3
    sizes = np.column_stack([labels * 1000 + RNG.integers(0, 900, 300), RNG.random(300)])
    assert tree_right(sizes, labels, ALONE).mean() > 0.95
    assert tree_right(RNG.random((300, 2)), labels, ALONE).mean() < 0.5
    assert lookup_right([f"camera {label}" for label in labels], labels, ALONE).all()
    assert lookup_right([f"camera {n % 7}" for n in range(300)], labels, ALONE).mean() < 0.45
