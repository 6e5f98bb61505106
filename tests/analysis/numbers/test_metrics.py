"""Scores against scikit-learn's, and what they say of classes that a split lacks."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_recall_fscore_support

from analysis.numbers.metrics import Scores, majority_class, score, softmax

CLASSES = ("Black", "Blue", "Green", "TTR")


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_scores_equal_scikit_learn(seed: int, samples: int) -> None:
    """Accuracy, both F1, the class table and the confusion matrix are scikit-learn's with `labels=` fixed."""
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(samples, 4)), rng.integers(0, 4, samples)
    predicted, fixed = logits.argmax(axis=1), list(range(4))
    scores = score(logits, labels, CLASSES)
    assert scores.accuracy == pytest.approx(accuracy_score(labels, predicted))
    for average, value in (("macro", scores.macro_f1), ("weighted", scores.weighted_f1)):
        assert value == pytest.approx(f1_score(labels, predicted, labels=fixed, average=average, zero_division=0))
    assert np.array_equal(scores.confusion, confusion_matrix(labels, predicted, labels=fixed))
    table = precision_recall_fscore_support(labels, predicted, labels=fixed, zero_division=0)
    for row, *expected in zip(scores.per_class, *table, strict=True):
        if row.support:
            assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(tuple(expected))
    assert (scores.samples, scores.right) == (samples, int((predicted == labels).sum()))


def test_absent_class_is_not_available() -> None:
    """A class without samples has no scores of its own, keeps its row, and counts with 0 in the macro F1."""
    scores = score([0, 1, 1], [0, 1, 0], ("a", "b", "c"))
    absent = scores.per_class[2]
    assert (absent.precision, absent.recall, absent.f1, absent.support) == (None, None, None, 0)
    assert len(scores.confusion) == 3
    assert scores.macro_f1 == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)


def test_scores_survive_json() -> None:
    """Scores written as JSON and read back are the same value; of few classes the matrix is written as it is."""
    scores = score(np.eye(4), [0, 1, 2, 0], CLASSES)
    assert json.dumps(scores.as_json()) == json.dumps(dataclasses.asdict(scores))
    assert Scores.from_json(json.loads(json.dumps(scores.as_json()))) == scores


def test_scores_of_very_many_classes_are_written_short() -> None:
    """A thousand classes take no million numbers, and come back as they were, from the whole matrix too."""
    rng = np.random.default_rng(0)
    scores = score(rng.integers(0, 1000, 300), rng.integers(0, 1000, 300), tuple(map(str, range(1000))))
    text = json.dumps(scores.as_json())
    assert len(text) < 200_000
    assert Scores.from_json(json.loads(text)) == scores
    assert Scores.from_json({**scores.as_json(), "confusion": scores.confusion}) == scores


def test_majority() -> None:
    """The most frequent class; the first of equally frequent ones."""
    assert majority_class([2, 1, 2], 4) == 2
    assert majority_class([1, 0], 4) == 0


def test_softmax_is_stable() -> None:
    """Large logits give probabilities that sum to 1, not NaN."""
    shares = softmax([[1000.0, 0.0], [-1000.0, -1000.0]])
    assert shares.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_bad_input_is_refused() -> None:
    """No samples, labels that aren't classes, wrong shapes and NaN raise ValueError."""
    bad: list[tuple[ArrayLike, list[int]]] = [([], []), ([0], [4]), ([-1], [0]), ([0, 1], [0]), (np.zeros((1, 3)), [0])]
    for predictions, labels in bad:
        with pytest.raises(ValueError, match="must"):
            score(predictions, labels, CLASSES)
    with pytest.raises(ValueError, match="finite"):
        score(np.full((1, 4), np.nan), [0], CLASSES)
    with pytest.raises(ValueError, match="At least one label"):
        majority_class([], 2)
