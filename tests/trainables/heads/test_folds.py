"""Folds that hold out together what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from modality_names import IMAGE
from split_fakes import made_split

from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.heads.folds import FOLDS, grouped_folds, groups_of

WORDS = ["can", "jar", "lid", "box", "cup", "mug", "pan", "pot", "tin", "urn", "vat", "keg"]


@given(st.integers(0, 10**6), st.integers(2, 60), st.integers(1, 5), st.integers(2, 30))
def test_no_group_is_in_two_folds(seed: int, samples: int, classes: int, most_groups: int) -> None:
    """Each sample has a fold, each fold has samples, and a group is whole; the same seed gives the same folds."""
    rng = np.random.default_rng(seed)
    labels, groups = rng.integers(0, classes, samples), rng.integers(0, most_groups, samples)
    groups[:2] = 0, 1
    folds = grouped_folds(labels, groups, seed=seed)
    assert set(folds.tolist()) == set(range(min(FOLDS, len(np.unique(groups)))))
    assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
    np.testing.assert_array_equal(folds, grouped_folds(labels, groups, seed=seed))


@given(st.integers(0, 10**6), st.integers(2, 80), st.integers(1, 6))
def test_classes_are_spread_evenly(seed: int, samples: int, classes: int) -> None:
    """Without groups a class has as many samples in one fold as in any other, but for one."""
    labels = np.random.default_rng(seed).integers(0, classes, samples)
    folds = grouped_folds(labels, None, seed=seed)
    held = np.array([np.bincount(labels[folds == fold], minlength=classes) for fold in np.unique(folds)])
    assert (held.max(axis=0) - held.min(axis=0) <= 1).all()


def test_one_group_is_a_users_mistake() -> None:
    """Nothing could be held out: it is said what train must have."""
    with pytest.raises(UserError, match="two groups"):
        grouped_folds(np.array([0, 1, 1]), np.zeros(3, dtype=np.int64), seed=0)


def test_words_that_differ_in_digits_are_one_group() -> None:
    """Texts where there are texts, whatever the files' names."""
    texts = [f"{word} {number}" for word in WORDS for number in range(2)]
    ids = [f"a/{number}_x" for number in range(len(texts))]
    labels = np.zeros(len(texts), dtype=np.int64)
    split = made_split(ids, texts, labels, [None] * len(texts), ["a"])
    assert groups_of(split).tolist() == np.repeat(np.arange(len(WORDS)), 2).tolist()


def _named(names: Sequence[str], labels: Sequence[int]) -> Split:
    ids = tuple(f"{label}/{name}.png" for name, label in zip(names, labels, strict=True))
    classes = tuple(map(str, range(max(labels) + 1)))
    return Split(ids, np.array(labels), classes, {IMAGE: tuple(map(Path, ids))})


def test_names_that_differ_in_digits_are_one_group() -> None:
    """Files' names, without their ending and their class's folder, where there are no texts; of two classes, too."""
    names = [f"{word}_{number}" for number in range(2) for word in WORDS]
    found = groups_of(_named(names, [0] * len(WORDS) + [1] * len(WORDS)))
    assert found.tolist() == [*range(len(WORDS))] * 2


def test_a_name_that_says_the_class_ties_nothing_together() -> None:
    """Twelve classes whose files are named after them: each class is in every fold, not in one alone."""
    labels = np.repeat(np.arange(12), 10)
    split = _named([f"{WORDS[label]}_{number}" for number, label in enumerate(labels)], labels.tolist())
    groups = groups_of(split)
    assert len(np.unique(groups)) == len(split)
    folds = grouped_folds(split.labels, groups, seed=0)
    assert all(set(folds[labels == label]) == set(range(FOLDS)) for label in range(12))


def test_equal_items_are_one_group() -> None:
    """Copies under other names are held out with each other, and with what their names are alike to."""
    names = [f"{word}_{number}" for word in WORDS for number in range(2)]
    equal = [*range(2 * len(WORDS))]
    equal[5] = equal[0]
    found = groups_of(_named(names, [0] * len(names)), equal).tolist()
    assert found[0] == found[1] == found[4] == found[5]
    assert len(set(found)) == len(WORDS) - 1
