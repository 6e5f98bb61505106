"""Labels that were changed are found again, and labels that are right are left alone."""

from __future__ import annotations

import numpy as np

from analysis.numbers.label_errors import likely_errors
from analysis.numbers.metrics import softmax


def test_planted_errors_are_found() -> None:
    """Of 40 wrong labels among 800 at least three quarters are found, and most of what is found is wrong."""
    rng = np.random.default_rng(0)
    true = rng.integers(4, size=800)
    logits = rng.normal(size=(800, 4))
    logits[np.arange(800), true] += 5
    labels, planted = true.copy(), set(range(0, 800, 20))
    for row in planted:
        labels[row] = (labels[row] + 1) % 4
    found = likely_errors(softmax(logits), labels)
    hits = planted & {one.row for one in found}
    assert len(hits) >= 30
    assert len(hits) / len(found) > 0.8
    assert all(one.suggested == true[one.row] for one in found if one.row in planted)
    gaps = [one.chance - one.of_given for one in found]
    assert gaps == sorted(gaps, reverse=True)


def test_a_model_that_agrees_finds_nothing() -> None:
    """No sample is off the diagonal; rows without a prediction and classes without samples are passed over."""
    labels = np.array([0, 0, 1, 1])
    chances = np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [np.nan] * 3])
    assert likely_errors(chances, labels) == ()
    assert likely_errors(np.array([[0.1, 0.1, 0.8], [0.9, 0.05, 0.05]]), np.array([0, 0])) == ()
