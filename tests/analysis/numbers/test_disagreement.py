"""Every sample is in exactly one case, and the system is counted within each."""

from __future__ import annotations

import numpy as np

from analysis.numbers.disagreement import who_is_right


def test_cases_by_hand() -> None:
    """Two models, five samples; a sample without a model's input isn't right for it."""
    labels = np.array([0, 0, 1, 1, 0])
    one = np.array([[2.0, 0], [0, 2], [0, 2], [2, 0], [np.nan, np.nan]])
    other = np.array([[2.0, 0], [2, 0], [2, 0], [2, 0], [2, 0]])
    system = np.array([[2.0, 0], [2, 0], [2, 0], [0, 2], [2, 0]])
    found = {
        case.right: (case.samples, case.system_right) for case in who_is_right({"a": one, "b": other}, system, labels)
    }
    assert found == {("a", "b"): (1, 1), ("a",): (1, 0), ("b",): (2, 2), (): (1, 1)}


def test_all_samples_are_counted_once() -> None:
    """Three models, at random."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200)
    logits = {name: rng.normal(size=(200, 3)) for name in "abc"}
    found = who_is_right(logits, logits["a"], labels)
    assert len(found) == 8
    assert sum(case.samples for case in found) == 200
    assert all(case.system_right == (case.samples if "a" in case.right else 0) for case in found)
