"""Which alpha is chosen: by which rule, for which score, and how sure that score is."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from analysis.numbers.alpha_choice import FusionRule, chosen_alpha, least_loss_alpha, standard_error
from analysis.numbers.fusion import alpha_curve, best_alpha, fuse
from analysis.numbers.metrics import score
from analysis.numbers.sweeps import score_curve
from trainables.heads.temperature import best_factor, log_loss
from trainables.names import AlphaRule, FusedMetric

CALM: AlphaRule = "one_standard_error"
Case = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def case(seed: int, samples: int = 80, classes: int = 4) -> Case:
    """Two models that err on other samples, the second three times as sure of itself; classes of unequal size."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(classes, samples, p=[0.55, 0.25, 0.15, 0.05])
    first, second = rng.normal(size=(2, samples, classes))
    first[np.arange(samples), labels] += 1.2
    second[np.arange(samples), labels] += 1.4
    return first, 3 * second, labels


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_the_default_is_the_best_alpha(seed: int) -> None:
    """To the bit."""
    given_case = case(seed)
    assert chosen_alpha(*given_case, FusionRule(), None) == best_alpha(alpha_curve(*given_case))


@pytest.mark.parametrize("metric", get_args(FusedMetric))
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_calm_alpha_is_as_good_and_nearest_to_the_least_loss(metric: FusedMetric, seed: int) -> None:
    """Its score is within a standard error of the best; no alpha that is as good is nearer by more than a step."""
    first, second, labels = case(seed)
    chosen = chosen_alpha(first, second, labels, FusionRule(metric, CALM), None)
    curve = score_curve(first, second, labels, metric)
    best = best_alpha(curve, narrowest=1e-12)
    said = fuse(first, second, best.alpha).argmax(axis=1)
    least = best.accuracy - standard_error(said, labels, 4, metric)
    assert curve.at(chosen.alpha) >= least
    assert chosen.low <= chosen.alpha <= chosen.high
    assert chosen.accuracy == np.mean(fuse(first, second, chosen.alpha).argmax(axis=1) == labels)
    middles = (curve.edges[1:] + curve.edges[:-1]) / 2
    target = least_loss_alpha(first, second, labels)
    good = middles[(curve.accuracies >= least) & (np.diff(curve.edges) > 1e-12)]
    step = np.diff(curve.edges).max()
    assert abs(chosen.alpha - target) <= np.abs(good - target).min() + step


@pytest.mark.parametrize("metric", get_args(FusedMetric))
def test_a_score_is_chosen_for(metric: FusedMetric) -> None:
    """The widest plateau of that score: no alpha of a fine grid has more."""
    first, second, labels = case(3, 300)
    chosen = chosen_alpha(first, second, labels, FusionRule(metric), None)
    curve = score_curve(first, second, labels, metric)
    assert curve.at(chosen.alpha) == curve.accuracies.max() >= curve.at(np.linspace(0, 1, 501)).max()


@pytest.mark.parametrize("metric", get_args(FusedMetric))
def test_standard_errors_are_those_of_resamples(metric: FusedMetric) -> None:
    """Of 600 samples drawn anew 1,000 times; of samples that come in blocks of three, of blocks drawn anew."""
    first, second, labels = case(5, 600)
    said, rng = fuse(first, second, 0.3).argmax(axis=1), np.random.default_rng(0)

    def spread(rows: NDArray[np.int64]) -> float:
        return float(np.std([_score(said[one], labels[one], metric) for one in rows]))

    drawn = spread(rng.integers(600, size=(1000, 600)))
    assert standard_error(said, labels, 4, metric) == pytest.approx(drawn, rel=0.12)
    blocks = np.argsort(np.lexsort((labels, said == labels))) // 3  # those of a block are alike
    members = np.argsort(blocks, kind="stable").reshape(200, 3)
    by_block = spread(members[rng.integers(200, size=(1000, 200))].reshape(1000, 600))
    assert standard_error(said, labels, 4, metric, blocks) == pytest.approx(by_block, rel=0.15)
    assert by_block > 1.4 * drawn


def _score(said: NDArray[np.int64], labels: NDArray[np.int64], metric: FusedMetric) -> float:
    found = score(said, labels, "abcd")
    recalls = [one.recall for one in found.per_class if one.recall is not None]
    return float(np.mean(recalls)) if metric == "balanced_accuracy" else float(getattr(found, metric))


def test_the_least_loss_is_that_of_a_search_over_alpha_and_temperature() -> None:
    """One after the other, by another method; it doesn't depend on how sure a model is of itself."""
    first, second, labels = case(7, 400)

    def loss(alpha: float) -> float:
        fused = fuse(first, second, alpha)
        return log_loss(fused * best_factor(fused, labels), labels)

    slow = minimize_scalar(loss, bounds=(0, 1), method="bounded", options={"xatol": 1e-4}).x
    found = least_loss_alpha(first, second, labels)
    assert found == pytest.approx(slow, abs=0.01)
    sure = least_loss_alpha(first, second / 3, labels)
    assert sure / (1 - sure) == pytest.approx(3 * found / (1 - found), rel=0.02)


def test_samples_that_lack_a_modality_have_no_say_in_the_least_loss() -> None:
    """They are decided by the other one at any alpha; where all do, the middle stands."""
    first, second, labels = case(9)
    whole = least_loss_alpha(first, second, labels)
    gaps = np.vstack([first, np.full((5, 4), np.nan)])
    more = np.vstack([second, second[:5]])
    assert least_loss_alpha(gaps, more, np.append(labels, labels[:5])) == whole
    assert least_loss_alpha(np.full_like(first, np.nan), second, labels) == 0.5


def test_models_that_say_nothing_are_given_half_each() -> None:
    """Every alpha is as good."""
    nothing = np.zeros((6, 3))
    assert least_loss_alpha(nothing, nothing, np.array([0, 1, 2, 0, 1, 2])) == pytest.approx(0.5)
    chosen = chosen_alpha(nothing, nothing, np.array([0, 1, 2, 0, 1, 2]), FusionRule(rule=CALM), None)
    assert (chosen.low, chosen.high) == (0.0, 1.0)
