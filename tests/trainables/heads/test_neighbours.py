"""Nearest neighbours, against whole rows sorted."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_ready
from hypothesis import given
from hypothesis import strategies as st

from trainables.heads import neighbours as module
from trainables.heads.folds import grouped_folds
from trainables.heads.neighbours import fit_neighbours, similarities


@given(st.integers(0, 10**6), st.integers(0, 6), st.integers(1, 12), st.integers(1, 14), st.booleans())
def test_the_nearest_are_the_first_of_sorted_rows(seed: int, rows: int, columns: int, count: int, ties: bool) -> None:
    """The largest first, of equals the one that stands first; with ties, and where some are ruled out."""
    rng = np.random.default_rng(seed)
    alike = rng.integers(0, 3, (rows, columns)).astype(float) if ties else rng.normal(size=(rows, columns))
    alike[rng.random(alike.shape) < 0.3] = -np.inf
    expected = np.argsort(-alike, axis=1, kind="stable")[:, :count]
    near, places = module.nearest(alike, count)
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(near, np.take_along_axis(alike, expected, axis=1))


def test_similarity_is_the_mean_cosine() -> None:
    """Over blocks and n-grams: 1 of a sample and itself."""
    inputs = made_ready(np.arange(6, dtype=np.int64) % 3, dense=2, sparse=True)
    found = similarities(inputs, inputs)
    assert inputs.sparse is not None
    parts = [*inputs.dense, inputs.sparse.toarray()]
    np.testing.assert_allclose(found, sum(part @ part.T for part in parts) / 3, atol=1e-6)
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-6)


def test_no_vote_is_of_the_own_fold() -> None:
    """Pairs of copies, each pair in one fold and of random classes: votes of the copy would tell the class."""
    labels = np.repeat(np.random.default_rng(0).integers(0, 2, 60), 2)
    pairs = np.repeat(np.arange(60, dtype=np.int64), 2)
    train = made_ready(np.zeros(60, dtype=np.int64)).rows(pairs)
    held_out = fit_neighbours(train, labels, 2, grouped_folds(labels, pairs, seed=0), seed=0, most_support=120)
    told = fit_neighbours(train, labels, 2, np.arange(120), seed=0, most_support=120)
    assert (told.out_of_fold.argmax(axis=1) == labels).mean() > 0.9
    assert (held_out.out_of_fold.argmax(axis=1) == labels).mean() < 0.7


def test_classes_are_told_apart_and_support_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all samples or a third of them as neighbours; the same whatever the number of rows at a time."""
    labels = np.random.default_rng(0).integers(0, 3, 150)
    train, folds = made_ready(labels, sparse=True), grouped_folds(labels, None, seed=0)
    for most in (50, 150):
        found = fit_neighbours(train, labels, 3, folds, seed=0, most_support=most)
        assert len(found.support) == len(found.labels) <= most
        assert (found.out_of_fold.argmax(axis=1) == labels).mean() > 0.85
        assert (found.logits(train).argmax(axis=1) == labels).mean() > 0.85
        with monkeypatch.context() as patched:
            patched.setattr(module, "CHUNK", 11)
            np.testing.assert_allclose(found.logits(train), fit_neighbours(
                train, labels, 3, folds, seed=0, most_support=most
            ).logits(train), atol=1e-9)  # fmt: skip


def test_fewer_samples_than_votes() -> None:
    """Three samples in two folds: finite logits, and a class without a vote has less than one with."""
    train = made_ready(np.array([0, 0, 1]))
    found = fit_neighbours(train, np.array([0, 0, 1]), 3, np.array([0, 1, 1]), seed=0, most_support=10)
    assert np.isfinite(found.out_of_fold).all()
    logits = found.logits(train)
    assert np.isfinite(logits).all()
    assert (logits[:, 2] < logits.max(axis=1)).all()
