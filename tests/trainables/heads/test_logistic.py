"""Logistic regression on features side by side."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_ready
from sklearn.linear_model import LogisticRegression

from trainables.heads.folds import grouped_folds
from trainables.heads.inputs import HeadInputs
from trainables.heads.logistic import fit_logistic, joined, linear_logits


@pytest.mark.parametrize("classes", [2, 3])
def test_held_out_logits_are_of_fits_without_the_fold(classes: int) -> None:
    """Up to the temperature and a constant a sample they are scikit-learn's of the other folds."""
    labels = np.arange(45, dtype=np.int64) % classes
    train, folds = made_ready(labels, sparse=True), grouped_folds(labels, None, seed=0)
    found = fit_logistic(train, labels, classes, folds, seed=0)
    features, held = joined(train), folds == 1
    model = LogisticRegression(C=found.strength, max_iter=1000).fit(features[~held], labels[~held])
    chances = model.predict_log_proba(features[held])
    expected = chances - chances.mean(axis=1, keepdims=True)
    logits = found.out_of_fold[held] - found.out_of_fold[held].mean(axis=1, keepdims=True)
    factor = (logits * expected).sum() / (expected * expected).sum()
    np.testing.assert_allclose(logits, factor * expected, rtol=0.02, atol=0.02 * factor)


def test_classes_are_told_apart() -> None:
    """Its own logits are those of its weights."""
    labels = np.random.default_rng(0).integers(0, 3, 120)
    train = made_ready(labels, dense=2)
    found = fit_logistic(train, labels, 3, grouped_folds(labels, None, seed=0), seed=0)
    np.testing.assert_array_equal(found.logits(train), linear_logits(joined(train), found.weights, found.bias))
    assert (found.out_of_fold.argmax(axis=1) == labels).mean() > 0.9


def test_a_class_that_a_fold_alone_has() -> None:
    """Fits without it never say it, and nothing is infinite; nor where all other samples are of one class."""
    labels = np.array([0] * 8 + [1] * 8 + [2], dtype=np.int64)
    train = made_ready(labels)
    found = fit_logistic(train, labels, 3, grouped_folds(labels, None, seed=0), seed=0)
    assert np.isfinite(found.out_of_fold).all()
    assert found.out_of_fold[-1].argmax() != 2
    two = fit_logistic(train.rows(slice(0, 16)), labels[:16], 3, labels[:16], seed=0)
    assert np.isfinite(two.out_of_fold).all()
    assert (two.out_of_fold.argmax(axis=1) != labels[:16]).all()


def test_blocks_and_n_grams_stand_side_by_side() -> None:
    """Dense where there are blocks alone, sparse with n-grams or with these alone."""
    inputs = made_ready(np.arange(6, dtype=np.int64) % 3, dense=2, sparse=True)
    assert inputs.sparse is not None
    blocks = np.concatenate(inputs.dense, axis=1)
    np.testing.assert_array_equal(joined(HeadInputs(inputs.dense)), blocks)
    np.testing.assert_array_equal(joined(inputs).toarray(), np.concatenate([blocks, inputs.sparse.toarray()], axis=1))
    np.testing.assert_array_equal(joined(HeadInputs((), inputs.sparse)).toarray(), inputs.sparse.toarray())
