"""Fusions with more to fit than one weight decide where val shows that they gain, and seldom where they don't."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.numbers.ensemble import LIKELY, Gain
from analysis.numbers.mixture import best_mixture, mix
from analysis.numbers.richer import LEAST, can_be_fitted, fitted, fusion_gain
from trainables.heads.folds import grouped_folds
from trainables.names import PER_CLASS, RICHER, STACKING, FusionName

CLASSES = 4
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def study(seed: int, samples: int, skills: Mapping[str, Floats]) -> tuple[dict[str, Floats], Labels]:
    """Each modality's logits, raised at the true class by its skill for that class; the labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, samples)
    found = {}
    for name, skill in skills.items():
        found[name] = rng.normal(size=(samples, CLASSES))
        found[name][np.arange(samples), labels] += skill[labels]
    return found, labels


ALIKE = {"image": np.full(CLASSES, 1.5), "text": np.full(CLASSES, 2.0)}


def confused(seed: int, samples: int) -> tuple[dict[str, Floats], Labels]:
    """A study whose text model takes two classes for each other: no weight can use what it says."""
    logits, labels = study(seed, samples, ALIKE)
    logits["text"] = logits["text"][:, [1, 0, 2, 3]]
    return logits, labels


def gain(name: FusionName, logits: Mapping[str, Floats], labels: Labels, groups: Labels | None = None) -> Gain:
    """With the folds and the weights that the analysis has."""
    own = np.arange(len(labels)) if groups is None else groups
    folds = grouped_folds(labels, own, seed=0)
    return fusion_gain(name, logits, labels, own, folds, lambda some, truth, _: best_mixture(some, truth).weights)


def folds_of(labels: Labels) -> Labels:
    """Each sample by itself."""
    return grouped_folds(labels, np.arange(len(labels)), seed=0)


def test_weights_by_class_lie_on_the_simplex_and_find_each_class_its_model() -> None:
    """Where each model knows other classes; the more it is held back, the nearer to one weight for all."""
    skills = {"image": np.array([4.0, 4.0, 0.5, 0.5]), "text": np.array([0.5, 0.5, 4.0, 4.0])}
    logits, labels = study(0, 1200, skills)
    fusion = fitted(PER_CLASS, logits, labels, {"image": 0.5, "text": 0.5}, folds_of(labels))
    image, text = (np.array(fusion.matrices[name]) for name in ("image", "text"))
    assert np.allclose(image + text, np.eye(CLASSES))
    assert (np.diag(image) >= 0).all()
    assert np.diag(image)[:2].min() > np.diag(image)[2:].max()
    assert set(fusion.bias) == {0.0}


def test_stacking_mends_what_no_weight_can() -> None:
    """A model that takes two classes for each other tells them all the same."""
    found = gain(STACKING, *confused(1, 400))
    assert found.shown
    assert found.share > 0.05


def test_samples_that_are_alike_count_once() -> None:
    """So that few groups show nothing."""
    logits, labels = confused(2, 400)
    assert not gain(STACKING, logits, labels, np.arange(400) % 3).shown


@pytest.mark.parametrize("name", RICHER)
def test_without_a_gain_it_is_seldom_deployed(name: FusionName) -> None:
    """Of 10 studies; of 200 in `make bench BENCH=statistics`."""
    shown = sum(gain(name, *study(seed, 200, ALIKE)).shown for seed in range(10))
    assert shown <= 3 * LIKELY * 10


@pytest.mark.parametrize("name", RICHER)
def test_samples_that_lack_a_modality_are_decided_by_the_single_weights(name: FusionName) -> None:
    """In the logits, and as no difference in the gain."""
    logits, labels = study(3, 300, ALIKE)
    logits["image"][:40] = np.nan
    weights = {"image": 0.4, "text": 0.6}
    fusion = fitted(name, logits, labels, weights, folds_of(labels))
    single = mix(logits, weights)
    assert np.array_equal(fusion.logits(logits, single)[:40], single[:40])
    assert np.isfinite(fusion.logits(logits, single)).all()
    assert abs(gain(name, logits, labels).share) <= 260 / 300


@pytest.mark.parametrize("name", RICHER)
def test_two_classes_and_a_class_that_a_fold_alone_has(name: FusionName) -> None:
    """Both are fitted all the same."""
    logits, labels = study(4, 300, ALIKE)
    two = {modality: one[labels < 2][:, :2] for modality, one in logits.items()}
    own = labels[labels < 2]
    fusion = fitted(name, two, own, {"image": 0.5, "text": 0.5}, folds_of(own))
    said = fusion.logits(two, two["text"])
    assert (said.argmax(axis=1) == own).mean() >= (two["text"].argmax(axis=1) == own).mean() - 0.02
    groups = np.where(labels == 3, 1000, np.arange(300))
    assert np.isfinite(gain(name, logits, labels, groups).share)


def test_few_samples_of_a_class_and_too_many_classes_are_left_alone() -> None:
    """There one weight must do."""
    logits, labels = study(5, 400, ALIKE)
    assert can_be_fitted(logits, labels)
    few = np.concatenate([np.flatnonzero(labels == 0)[: LEAST - 1], np.flatnonzero(labels > 0)])
    assert not can_be_fitted({name: one[few] for name, one in logits.items()}, labels[few])
    assert not can_be_fitted({"text": logits["text"]}, labels)
    wide = np.zeros((20_000, 200))
    assert not can_be_fitted({"image": wide, "text": wide}, np.arange(20_000) % 200)
