"""How often an ensemble or a richer fusion is deployed in simulated studies that it gains nothing in; sets of classes.

Two models of four classes each, independent of each other: the single weights are the best there is.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from measure import Bound, at_most
from numpy.typing import NDArray

from analysis.numbers.abstention import LEVELS, conformal_sets
from analysis.numbers.ensemble import LIKELY, Limits, cross_fitted_gain
from analysis.numbers.mixture import best_mixture
from analysis.numbers.pairs import Candidate
from analysis.numbers.richer import fusion_gain
from trainables.heads.folds import grouped_folds
from trainables.names import ENSEMBLE, RICHER

CLASSES = 4
SAMPLES = 200  # of val
NOISE = 0.05  # by which an ensemble's candidates differ
TEST = 2000  # samples on which sets are checked

Logits = NDArray[np.float64]
Labels = NDArray[np.int64]


def pair(rng: np.random.Generator, samples: int) -> tuple[dict[str, Logits], Labels]:
    """Logits of two models, the second one better, and the labels."""
    labels = rng.integers(0, CLASSES, samples)
    found = {}
    for name, skill in (("image", 1.5), ("text", 2.0)):
        found[name] = rng.standard_normal((samples, CLASSES))
        found[name][np.arange(samples), labels] += skill
    return found, labels


def gates(studies: int) -> dict[str, dict[str, float]]:
    """By what may be deployed: the share of studies that deploy it, and the mean of the gains that val shows."""
    shown: dict[str, list[bool]] = {name: [] for name in (ENSEMBLE, *RICHER)}
    gains: dict[str, list[float]] = {name: [] for name in shown}
    for seed in range(studies):
        rng = np.random.default_rng([4, seed])
        logits, labels = pair(rng, SAMPLES)
        groups = np.arange(SAMPLES)
        folds = grouped_folds(labels, groups, seed=0)
        copies = {
            name: [Candidate(f"{name}_{at}", one + NOISE * rng.standard_normal(one.shape)) for at in range(2)]
            for name, one in logits.items()
        }
        found = {ENSEMBLE: cross_fitted_gain(copies, labels, folds, groups, Limits())}
        for name in RICHER:
            found[name] = fusion_gain(name, logits, labels, groups, folds, _weigh)
        for name, gain in found.items():
            assert gain is not None, "every fold has both"
            shown[name].append(gain.shown)
            gains[name].append(gain.share)
    return {
        name: {"deployed": float(np.mean(own)), "gain, mean": float(np.mean(gains[name]))}
        for name, own in shown.items()
    }


def _weigh(logits: Mapping[str, Logits], labels: Labels, _groups: Labels) -> Mapping[str, float]:
    return best_mixture(logits, labels).weights


def set_coverage(studies: int) -> dict[str, dict[str, float]]:
    """By samples of val and level: how often a set holds the true class of a test sample, and its mean size."""
    found = {}
    for samples in (160, 1820):
        rng = np.random.default_rng(5)
        held, sizes = np.zeros(len(LEVELS)), np.zeros(len(LEVELS))
        for _ in range(studies):
            val, labels = pair(rng, samples)
            test, truth = pair(rng, TEST)
            for place, one in enumerate(conformal_sets((val["text"], labels), (test["text"], truth))):
                held[place] += one.covered / studies
                sizes[place] += one.mean_size / studies
        for place, level in enumerate(LEVELS):
            row = {"holds the true class": float(held[place]), "beyond the level": float(abs(held[place] - level))}
            found[f"{samples} val samples, {level:.0%}"] = {**row, "classes, mean": float(sizes[place])}
    return found


def gate_bounds(found: Mapping[str, Mapping[str, float]], sets: Mapping[str, Mapping[str, float]]) -> list[Bound]:
    """A tenth of the studies at most; 2 points."""
    return [
        *(
            at_most(f"studies that deploy {name} where it gains nothing, share", LIKELY, row["deployed"])
            for name, row in found.items()
        ),
        at_most(
            "sets of classes: distance of how often they hold the true class from their level, largest",
            0.02,
            max(row["beyond the level"] for row in sets.values()),
        ),
    ]
