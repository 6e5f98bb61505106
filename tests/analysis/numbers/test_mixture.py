"""The mixture of many modalities against the exact curve of two, pairs, a fine grid, and its rules for missing rows."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.fusion import alpha_curve, best_alpha, fuse
from analysis.numbers.mixture import best_mixture, mix, mixture_grid, weight_curves
from analysis.numbers.simplex import simplex_grid

Logits = dict[str, NDArray[np.float64]]
Labels = NDArray[np.int64]
NAMES = ("sight", "sound", "words")
SEEDS = st.integers(0, 2**32 - 1)


def drawn(
    seed: int, names: tuple[str, ...] = NAMES, *, whole: bool = False, gaps: float = 0.0
) -> tuple[Logits, Labels]:
    """Logits that lean to the true class, some of them larger than others; `gaps` is the share of missing rows."""
    rng = np.random.default_rng(seed)
    samples, classes = int(rng.integers(1, 30)), int(rng.integers(2, 5))
    labels = rng.integers(0, classes, samples)
    lacking = rng.random((len(names), samples)) < gaps
    lacking[rng.integers(0, len(names), samples), np.arange(samples)] = False
    lacking[:, 0] = False
    found = {}
    for name, missing in zip(names, lacking, strict=True):
        logits = rng.normal(size=(samples, classes)) * rng.choice([0.1, 1.0, 5.0])
        logits[np.arange(samples), labels] += rng.choice([0.0, 0.5])
        found[name] = np.rint(2 * logits) if whole else logits
        found[name][missing] = np.nan
    return found, labels


def counted(logits: Logits, labels: Labels, weights: dict[str, float]) -> int:
    """How many samples are right without a tie, in exact arithmetic, one by one and by the rule in words."""
    right = 0
    for row, label in enumerate(labels):
        own = {name: one[row] for name, one in logits.items() if not np.isnan(one[row]).any()}
        shares = {name: Fraction(weights[name]) for name in own}
        if not any(shares.values()):
            shares = dict.fromkeys(own, Fraction(1))
        fused = [
            sum(shares[name] * Fraction(float(own[name][k])) for name in own)
            for k in range(len(next(iter(own.values()))))
        ]
        right += all(fused[label] > value for place, value in enumerate(fused) if place != label)
    return right


@given(SEEDS, st.booleans(), st.sampled_from([0.0, 0.3]))
@settings(max_examples=1000, deadline=None)
def test_two_modalities_are_the_exact_alpha(seed: int, whole: bool, gaps: float) -> None:
    """Weights, accuracy and plateau are `best_alpha`'s to the bit, and so is the fusion."""
    logits, labels = drawn(seed, NAMES[:2], whole=whole, gaps=gaps)
    first, second = logits.values()
    best, found = best_alpha(alpha_curve(first, second, labels)), best_mixture(logits, labels)
    assert found.weights == {"sight": 1 - best.alpha, "sound": best.alpha}
    assert (found.accuracy, found.towards, found.low, found.high) == (best.accuracy, "sound", best.low, best.high)
    both = ~(np.isnan(first) | np.isnan(second)).any(axis=1)
    assert np.array_equal(mix(logits, found.weights)[both], fuse(first, second, best.alpha)[both])
    assert np.allclose(mix(logits, found.weights), fuse(first, second, best.alpha))


@given(SEEDS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_never_below_a_pair_or_a_single_modality(seed: int, whole: bool) -> None:
    """Of three and of four modalities: at least as accurate as each pair's exact best, and right where it says so."""
    names = (*NAMES, "touch")[: 3 + seed % 2]
    logits, labels = drawn(seed, names, whole=whole)
    found = best_mixture(logits, labels)
    for pair in combinations(names, 2):
        assert found.accuracy >= best_mixture({name: logits[name] for name in pair}, labels).accuracy
    assert sum(found.weights.values()) == pytest.approx(1)
    assert found.low < found.weights[found.towards] < found.high
    assert counted(logits, labels, dict(found.weights)) >= round(found.accuracy * len(labels))


@given(SEEDS, st.sampled_from([0.0, 0.0, 0.3]))
@settings(max_examples=60, deadline=None)
def test_never_below_a_fine_grid(seed: int, gaps: float) -> None:
    """With few samples no point of the grid of hundredths is more accurate, missing rows or not."""
    logits, labels = drawn(seed, gaps=gaps)
    found, points = best_mixture(logits, labels), simplex_grid(3, 100)
    lean = np.array([np.nan_to_num(logits[name]) for name in NAMES])
    present = np.array([~np.isnan(logits[name]).any(axis=1) for name in NAMES])
    shares = points[:, :, None] * present
    shares = np.where(shares.sum(axis=1, keepdims=True) > 0, shares, present)
    fused = np.einsum("gmn,mnc->gnc", shares, lean)
    right = fused.argmax(axis=2) == labels
    assert found.accuracy >= right.mean(axis=1).max()
    assert right.mean(axis=1) == pytest.approx(mixture_grid(logits, labels, 100)[1])


@given(SEEDS, st.booleans(), st.sampled_from([0.0, 0.3]), st.permutations(range(3)))
@settings(max_examples=100, deadline=None)
def test_names_and_their_order_change_nothing(seed: int, whole: bool, gaps: float, order: list[int]) -> None:
    """The modalities in another order, or under each other's names, have the same weights and the same accuracy."""
    logits, labels = drawn(seed, whole=whole, gaps=gaps)
    found = best_mixture(logits, labels)
    names = [NAMES[place] for place in order]
    reordered = best_mixture({name: logits[name] for name in names}, labels)
    assert reordered == found
    assert list(reordered.weights) == names
    renamed = best_mixture({new: logits[old] for old, new in zip(NAMES, names, strict=True)}, labels)
    assert renamed.accuracy == found.accuracy
    if not any(np.array_equal(logits[one], logits[other], equal_nan=True) for one, other in combinations(NAMES, 2)):
        assert list(renamed.weights.values()) == list(found.weights.values())


def test_a_third_modality_gains_where_no_pair_does() -> None:
    """Three samples, each of which needs another modality: all are right only where all three weigh about the same."""
    logits = {name: np.full((3, 2), [0.0, 1.0]) for name in NAMES}
    for row, one in enumerate(logits.values()):
        one[row] = [3.0, 0.0]
    found = best_mixture(logits, np.zeros(3, dtype=np.int64))
    assert found.accuracy == 1
    assert best_mixture({name: logits[name] for name in NAMES[:2]}, np.zeros(3, dtype=np.int64)).accuracy < 1
    assert all(weight > 0.25 for weight in found.weights.values())


def test_of_equal_accuracy_the_widest_plateau_then_the_weights_nearest_to_equal_ones() -> None:
    """Where any weights are right the plateau is a whole line, and the point on it is the middle."""
    logits = {name: np.array([[1.0, 0.0]]) for name in NAMES}
    found = best_mixture(logits, [0])
    assert (found.accuracy, found.low, found.high) == (1.0, 0.0, 1.0)
    assert sorted(found.weights.values()) == pytest.approx([0.25, 0.25, 0.5])


@given(SEEDS, st.sampled_from([0.0, 0.3]))
@settings(max_examples=50, deadline=None)
def test_weight_curves_pass_through_the_chosen_weights(seed: int, gaps: float) -> None:
    """Each modality's curve is at its chosen weight what the mixture is, and none is anywhere more accurate."""
    logits, labels = drawn(seed, gaps=gaps)
    found = best_mixture(logits, labels)
    curves = weight_curves(logits, labels, found.weights)
    assert list(curves) == list(NAMES)
    assert curves[found.towards].at(found.weights[found.towards]) == found.accuracy
    assert max(curve.accuracies.max() for curve in curves.values()) == found.accuracy
    moved = {
        name: 0.9 if name == "sound" else 0.1 * weight / (1 - found.weights["sound"])
        for name, weight in found.weights.items()
    }
    assert curves["sound"].at(0.9) * len(labels) == pytest.approx(counted(logits, labels, moved))


def test_a_sample_is_fused_over_what_it_has() -> None:
    """The weights of the rest are divided by their sum; where that is 0 they are equal ones."""
    nan = np.nan
    logits = {
        "sight": [[1.0, 0.0], [nan, nan], [nan, nan], [nan, nan]],
        "sound": [[0.0, 1.0], [2.0, 0.0], [nan, nan], [4.0, 0.0]],
        "words": [[0.0, 0.0], [0.0, 4.0], [0.0, 7.0], [0.0, 2.0]],
    }
    assert mix(logits, {"sight": 0.5, "sound": 0.375, "words": 0.125}).tolist() == [
        [0.5, 0.375], [1.5, 1.0], [0.0, 7.0], [3.0, 0.5],
    ]  # fmt: skip
    assert mix(logits, {"words": 0.0, "sound": 0.0, "sight": 1.0})[1:].tolist() == [[1.0, 2.0], [0.0, 7.0], [2.0, 1.0]]


def test_bad_input_is_refused() -> None:
    """Fewer than two modalities, weights that don't fit, half a row of NaN, and rows that nothing has are refused."""
    good = {name: np.eye(2) for name in NAMES}
    with pytest.raises(ValueError, match="at least two modalities"):
        best_mixture({"sight": np.eye(2)}, [0, 1])
    for weights in (
        {"sight": 1.0},
        {"sight": 0.5, "sound": 0.2, "words": 0.2},
        {"sight": 1.5, "sound": -0.5, "words": 0},
    ):
        with pytest.raises(ValueError, match="each at least 0 and 1 in sum"):
            mix(good, weights)
    equal = dict.fromkeys(NAMES, 1 / 3)
    with pytest.raises(ValueError, match="must be finite"):
        mix({**good, "words": [[np.nan, 1.0], [0.0, 1.0]]}, equal)
    with pytest.raises(ValueError, match="one shape"):
        best_mixture({**good, "words": np.eye(3)}, [0, 1])
    with pytest.raises(ValueError, match="Every modality must be there"):
        best_mixture({**good, "words": np.full((2, 2), np.nan)}, [0, 1])
    lost = {name: np.array([[1.0, 0.0], [np.nan, np.nan]]) for name in NAMES}
    for fails in (lambda: mix(lost, equal), lambda: best_mixture(lost, [0, 1]), lambda: mixture_grid(lost, [0, 1])):
        with pytest.raises(ValueError, match="Every sample must have a modality"):
            fails()
    with pytest.raises(ValueError, match="`labels` must"):
        best_mixture(good, [0, 2])
