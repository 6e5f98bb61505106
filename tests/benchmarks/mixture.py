"""The best weights of three modalities, the exact curve of two, and the best of many pairs, on one core."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from harness import main
from machine import one_core
from measure import Findings, at_most, interleaved, summary
from numpy.typing import NDArray

from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.mixture import best_mixture
from analysis.numbers.pairs import Candidate, best_together

CLASSES = 4
SKILLS = {"first": 1.0, "second": 1.3, "third": 1.6}  # how far the true class's logit is raised
SECONDS = 5.0
CANDIDATES, PAIR_SAMPLES, PAIR_SECONDS = 50, 3500, 20.0


def benchmark(folder: Path, quick: bool) -> Findings:
    """Seconds for all of a split's logits, without missing rows and with a tenth of them missing."""
    samples, repeats = (10_000, 1) if quick else (100_000, 5)
    logits, labels = made_logits(samples)
    gaps = with_gaps(logits)
    first, second = list(logits.values())[:2]
    actions = {
        "two modalities": lambda: best_alpha(alpha_curve(first, second, labels)),
        "three modalities": lambda: best_mixture(logits, labels),
        "three modalities, a tenth of the rows missing": lambda: best_mixture(gaps, labels),
    }
    each = 10 if quick else CANDIDATES
    with one_core():
        seconds = interleaved(actions, repeats)
        pairs = cpu_seconds_of_pairs(each)
    figures = {
        "samples": samples,
        "classes": CLASSES,
        "seconds": {name: summary(values) for name, values in seconds.items()},
        f"CPU seconds: best pair of {each} x {each} candidates": pairs,
        "val accuracy": {
            "best single": max(float(np.mean(one.argmax(axis=1) == labels)) for one in logits.values()),
            "two modalities": best_alpha(alpha_curve(first, second, labels)).accuracy,
            "three modalities": best_mixture(logits, labels).accuracy,
        },
    }
    measured = summary(seconds["three modalities"])["median"]
    what = f"best weights of three modalities, {samples:,} samples of {CLASSES} classes, one core: seconds"
    of_pairs = f"best pair of {each} x {each} candidates, {PAIR_SAMPLES:,} samples of {CLASSES} classes: CPU seconds"
    bounds = [at_most(what, SECONDS, measured, "s"), at_most(of_pairs, PAIR_SECONDS, pairs, "s")]
    return Findings(figures, bounds, _NOTES)


def cpu_seconds_of_pairs(each: int) -> float:
    """For the best of all pairs of so many candidates of two modalities."""
    logits, labels = made_logits(PAIR_SAMPLES)
    rng = np.random.default_rng(1)
    candidates = {
        name: [Candidate(f"{name} {number}", one + rng.normal(size=one.shape)) for number in range(each)]
        for name, one in list(logits.items())[:2]
    }
    began = time.process_time()
    best_together(candidates, labels)
    return time.process_time() - began


def made_logits(samples: int) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Logits (N, C) by modality that share a part of their errors, of different sizes; labels (N,)."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, samples)
    shared, found = rng.normal(size=(samples, CLASSES)), {}
    for size, (name, skill) in enumerate(SKILLS.items(), start=1):
        found[name] = size * rng.normal(size=(samples, CLASSES)) + 0.7 * shared
        found[name][np.arange(samples), labels] += skill
    return found, labels


def with_gaps(logits: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The same logits with every tenth row missing, each from one modality."""
    found = {name: one.copy() for name, one in logits.items()}
    for place, one in enumerate(found.values()):
        one[10 * place :: 30] = np.nan
    return found


_NOTES = ("The data are drawn at random; on other data the search follows more lines or fewer.",)


if __name__ == "__main__":
    main("mixture", benchmark)
