"""Whether a model is as sure as it is right: known values, and no error where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from analysis.numbers.calibration import calibration
from analysis.numbers.metrics import softmax


def drawn(count: int, factor: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, 4) of a perfect model, `factor` times as sure, and the true classes."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.standard_normal((count, 4))
    labels = np.array([rng.choice(4, p=one) for one in softmax(logits)])
    return factor * logits, labels


def test_log_loss_and_brier_are_scikit_learns() -> None:
    """With all classes there."""
    logits, labels = drawn(300, 1.5)
    chances = softmax(logits)
    found = calibration(logits, labels)
    assert found.log_loss == pytest.approx(log_loss(labels, chances, labels=[0, 1, 2, 3]))
    assert found.brier == pytest.approx(brier_score_loss(labels, chances, labels=[0, 1, 2, 3], scale_by_half=False))


def test_a_perfect_model_has_no_error_on_average() -> None:
    """What chance alone makes of few samples is taken off."""
    perfect, sure = ([calibration(*drawn(200, factor, seed)).error for seed in range(40)] for factor in (1.0, 1.6))
    assert np.median(perfect) < 0.04
    assert np.median(sure) > 0.06


def test_an_overconfident_model_has_one() -> None:
    """Three times as sure: its confidence lies above its accuracy in the surest bins."""
    found = calibration(*drawn(2000, 3.0))
    assert found.error > 0.1
    assert found.bins[-1].confidence > found.bins[-1].interval.high
    assert sum(one.samples for one in found.bins) == 2000


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_few_samples_have_numbers_too(count: int) -> None:
    """Nothing is divided by zero."""
    found = calibration(np.zeros((count, 2)), np.zeros(count, np.int64))
    assert 0 <= found.error <= 1
    assert found.brier == pytest.approx(0.5)
