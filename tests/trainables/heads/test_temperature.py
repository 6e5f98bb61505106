"""How sure logits may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import log_loss as reference

from trainables.heads.temperature import best_factor, log_loss


@given(st.integers(0, 10**6))
def test_log_loss_is_scikit_learns(seed: int) -> None:
    """The mean negative log-probability of the true classes."""
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=(9, 3)) * 4, rng.integers(0, 3, 9)
    odds = np.exp(logits)
    expected = reference(labels, odds / odds.sum(axis=1, keepdims=True), labels=range(3))
    assert log_loss(logits, labels) == pytest.approx(expected, rel=1e-6)


def _with_one_of_any_class(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The loss of N + 1 samples, the last of which is like all others and of each class with the same chance."""
    every = np.mean([log_loss(logits, np.full_like(labels, one)) for one in range(logits.shape[1])])
    return float((len(labels) * log_loss(logits, labels) + every) / (len(labels) + 1))


@given(st.integers(0, 10**6), st.floats(0.05, 20))
def test_no_other_factor_is_better(seed: int, other: float) -> None:
    """The factor found has the least loss of all within its range."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 60)
    logits = rng.normal(size=(60, 3)) + 1.5 * np.eye(3)[labels]
    found = best_factor(logits, labels)
    assert _with_one_of_any_class(logits * found, labels) <= _with_one_of_any_class(logits * other, labels) + 1e-6


@pytest.mark.parametrize("samples", [2, 100, 10_000])
def test_a_head_that_is_always_right_may_yet_be_wrong(samples: int) -> None:
    """It is as sure as so many samples allow: wrong about one in as many again, it isn't ruined."""
    labels = np.arange(samples) % 2
    logits = np.where(np.eye(2)[labels] > 0, 1.0, -1.0)
    chance = np.exp(-log_loss(logits * best_factor(logits, labels), labels))
    assert 1 - chance == pytest.approx(0.5 / (samples + 1), rel=0.05)


def test_the_factor_of_scaled_logits_scales_back() -> None:
    """Logits ten times as large need a tenth of the factor."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + np.eye(3)[labels]
    assert best_factor(logits * 10, labels) == pytest.approx(best_factor(logits, labels) / 10, rel=0.01)
