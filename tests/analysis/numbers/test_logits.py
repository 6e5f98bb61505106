"""Logits of several modalities: what is accepted, what is missing, and the margins over the rivals."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.numbers.logits import checked_labels, checked_logits, margins, refuse_unused, safe_scale

GAP = [np.nan, np.nan]


def test_missing_rows_are_told_and_count_as_nothing() -> None:
    """A row of NaN becomes zeros and is marked; every other row stays as it is."""
    logits, present = checked_logits([[[1.0, 2.0], GAP], [GAP, [3.0, 4.0]]])
    assert logits.tolist() == [[[1, 2], [0, 0]], [[0, 0], [3, 4]]]
    assert present.tolist() == [[True, False], [False, True]]


def test_logits_that_no_model_gives_are_refused() -> None:
    """Different shapes, no samples, half a row, infinity, and a sample without any modality each raise ValueError."""
    good = [[1.0, 2.0], [3.0, 4.0]]
    for bad in ([[1.0, 2.0]], np.zeros((0, 2)), np.zeros(2)):
        with pytest.raises(ValueError, match="one shape"):
            checked_logits([good, bad])
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="must be finite"):
            checked_logits([good, [[1.0, value], [3.0, 4.0]]])
    with pytest.raises(ValueError, match="must be finite"):
        checked_logits([good, [[np.inf, np.inf], [3.0, 4.0]]])
    with pytest.raises(ValueError, match="1 have none, the first of them row 0"):
        checked_logits([[GAP, [1.0, 2.0]], [GAP, [1.0, 2.0]]])


def test_a_modality_that_no_sample_has_is_refused() -> None:
    """Its model diverged, or the split has none of it."""
    refuse_unused(np.array([[True, False], [False, True]]))
    with pytest.raises(ValueError, match="at least one sample"):
        refuse_unused(np.array([[True, True], [False, False]]))


def test_labels_must_be_classes() -> None:
    """As many as samples, each an index; they come back as integers."""
    assert checked_labels([0.0, 2.0], (2, 3)).tolist() == [0, 2]
    for bad in ([0], [0, 3], [0, -1]):
        with pytest.raises(ValueError, match="`labels` must"):
            checked_labels(bad, (2, 3))


def test_margins_are_over_every_rival_once() -> None:
    """Of each sample the true class's logit less each other one's, whatever the order."""
    logits = np.array([[5.0, 1.0, 2.0], [0.0, 7.0, 3.0]])
    found = np.array(list(margins(logits, np.array([0, 2]))))
    assert sorted(found[:, 0]) == [3.0, 4.0]
    assert sorted(found[:, 1]) == [-4.0, 3.0]
    assert list(margins(np.array([[1.0]]), np.array([0]))) == []


def test_huge_logits_are_scaled_so_that_differences_do_not_overflow() -> None:
    """The difference of the largest and the smallest number is finite after scaling; usual logits stay as they are."""
    huge = np.array([1.7e308, -1.7e308])
    assert np.isfinite(np.subtract(*(huge * safe_scale(huge))))
    assert safe_scale(np.array([40.0, -3.0])) == 1.0
