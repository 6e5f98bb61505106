"""Several models of each modality decide together where val shows that this gains, and seldom where it doesn't."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.ensemble import LIKELY, Candidates, Gain, Limits, cross_fitted_gain, ensemble_weights, ensembled
from analysis.numbers.pairs import Candidate
from trainables.heads.folds import grouped_folds

CLASSES = 3
SKILL = 1.5


def study(
    rng: np.random.Generator, samples: int, each: int, differing: float
) -> tuple[dict[str, list[Candidate]], NDArray[np.int64]]:
    """Two modalities with `each` candidates, copies of one model but for noise of the size `differing`; the labels."""
    labels = rng.integers(0, CLASSES, samples)
    found: dict[str, list[Candidate]] = {}
    for name in ("a", "b"):
        base = rng.normal(size=(samples, CLASSES))
        base[np.arange(samples), labels] += SKILL
        found[name] = [
            Candidate(f"{name}_{number}", base + differing * rng.normal(size=base.shape), (1e-3, 1e6))
            for number in range(each)
        ]
    return found, labels


def gain_of(candidates: Candidates, labels: NDArray[np.int64], groups: NDArray[np.int64] | None = None) -> Gain:
    """With the folds that the analysis has."""
    own = np.arange(len(labels)) if groups is None else groups
    found = cross_fitted_gain(candidates, labels, grouped_folds(labels, own, seed=0), own, Limits())
    assert found is not None
    return found


def test_each_modality_has_the_same_share() -> None:
    """Of logits as sure as they are right, whatever the scale on which a model gives them."""
    candidates, labels = study(np.random.default_rng(0), 400, 3, 1.0)
    weights = ensemble_weights(candidates, labels, Limits())
    assert sorted(name[0] for name in weights) == ["a", "a", "b", "b"]
    assert sum(weights.values()) == pytest.approx(1)
    shares = {name: sum(weight for member, weight in weights.items() if member[0] == name) for name in "ab"}
    assert shares["a"] == pytest.approx(shares["b"], rel=0.2)
    louder = {**candidates, "a": [Candidate(one.name, 10 * one.logits, one.cost) for one in candidates["a"]]}
    same = ensembled(louder, ensemble_weights(louder, labels, Limits())).argmax(axis=1)
    assert (same == ensembled(candidates, weights).argmax(axis=1)).mean() > 0.99


@settings(max_examples=40)
@given(members=st.integers(1, 7), seconds=st.floats(0, 8e-3), size=st.floats(0, 8e6), each=st.integers(1, 4))
def test_the_limits_hold(members: int, seconds: float, size: float, each: int) -> None:
    """No ensemble is above one of them; one that is no more than a pair is none."""
    candidates, labels = study(np.random.default_rng(1), 40, each, 1.0)
    found = ensemble_weights(candidates, labels, Limits(members, seconds, size))
    assert len(found) != 2
    if found:
        assert len(found) <= members
        assert len(found) * 1e-3 <= seconds + 1e-12
        assert len(found) * 1e6 <= size + 1e-6


def test_models_that_err_elsewhere_gain_together() -> None:
    """And samples that are alike count once, so that few groups show nothing."""
    candidates, labels = study(np.random.default_rng(2), 600, 3, 1.5)
    gain = gain_of(candidates, labels)
    assert gain.share > 0.02
    assert gain.shown
    assert not gain_of(candidates, labels, np.arange(600) % 3).shown


def test_without_a_gain_an_ensemble_is_seldom_deployed() -> None:
    """Of 200 studies whose candidates are copies, in a tenth at most."""
    shown = 0
    for seed in range(200):
        rng = np.random.default_rng([3, seed])
        candidates, labels = study(rng, 120, 2, 0.05)
        found = gain_of(candidates, labels)
        shown += found is not None and found.shown
    assert shown <= LIKELY * 200


def test_samples_that_lack_a_modality_are_decided_by_the_others() -> None:
    """Of one that no model can take, nothing is said."""
    candidates, labels = study(np.random.default_rng(4), 60, 2, 1.0)
    for one in (*candidates["a"], candidates["b"][0], candidates["b"][1]):
        one.logits[0] = math.nan
    for one in candidates["a"]:
        one.logits[1:20] = math.nan
    weights = ensemble_weights(candidates, labels, Limits())
    found = ensembled(candidates, weights)
    assert np.isnan(found[0]).all()
    own = {name: weight for name, weight in weights.items() if name[0] == "b"}
    alone = sum(weight * next(c for c in candidates["b"] if c.name == name).logits for name, weight in own.items())
    assert found[1:20].argmax(axis=1).tolist() == np.asarray(alone)[1:20].argmax(axis=1).tolist()


def test_a_modality_that_a_fold_alone_has_tells_nothing() -> None:
    """What can't be fitted without the fold can't be judged on it."""
    candidates, labels = study(np.random.default_rng(5), 60, 2, 1.0)
    folds = np.arange(60) % 3
    for one in candidates["a"]:
        one.logits[folds != 1] = math.nan
    assert cross_fitted_gain(candidates, labels, folds, np.arange(60), Limits()) is None
