"""The fusion's exact accuracy curve against brute force, its ends, its ties and its limits."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.fusion import AlphaCurve, BestAlpha, alpha_curve, alpha_grid, best_alpha, fuse

Case = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


@st.composite
def whole_number_cases(draw: st.DrawFn) -> Case:
    """Small whole logits: ties, equal logits and shared roots are frequent, and fractions hold every root exactly."""
    samples, classes = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    logits = st.lists(st.integers(-5, 5), min_size=classes, max_size=classes)
    rows = st.lists(logits, min_size=samples, max_size=samples)
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples))
    return np.array(draw(rows), dtype=float), np.array(draw(rows), dtype=float), np.array(labels)


def exact_roots(first: NDArray[np.float64], second: NDArray[np.float64]) -> list[Fraction]:
    """Every alpha in [0, 1] where two classes of one sample tie, with 0 and 1, sorted."""
    found = {Fraction(0), Fraction(1)}
    for row_first, row_second in zip(first.astype(int).tolist(), second.astype(int).tolist(), strict=True):
        for one in range(len(row_first)):
            for other in range(one):
                at_first, at_second = row_first[one] - row_first[other], row_second[one] - row_second[other]
                if at_first != at_second and 0 <= Fraction(at_first, at_first - at_second) <= 1:
                    found.add(Fraction(at_first, at_first - at_second))
    return sorted(found)


def exact_accuracy(case: Case, alpha: Fraction) -> float:
    """The share of samples whose true class beats every other, in exact arithmetic."""
    first, second, labels = (part.astype(int).tolist() for part in case)
    right = 0
    for row_first, row_second, label in zip(first, second, labels, strict=True):
        fused = [alpha * s + (1 - alpha) * f for f, s in zip(row_first, row_second, strict=True)]
        right += all(fused[label] > value for place, value in enumerate(fused) if place != label)
    return right / len(labels)


@given(whole_number_cases())
@settings(max_examples=1000, deadline=None)
def test_curve_equals_brute_force_between_all_roots(case: Case) -> None:
    """Between neighbouring ties the curve is the accuracy that exact arithmetic counts, and its best is the best."""
    curve = alpha_curve(*case)
    roots = exact_roots(*case[:2])
    middles = [(a + b) / 2 for a, b in itertools.pairwise(roots)]
    counted = [exact_accuracy(case, middle) for middle in middles]
    assert [curve.at(float(middle)) for middle in middles] == counted
    best = best_alpha(curve)
    assert best.accuracy == max(counted)
    assert best.low < best.alpha < best.high
    assert curve.at(best.alpha) == best.accuracy


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 6), st.sampled_from([1e-6, 1.0, 1e6]))
@settings(max_examples=1000, deadline=None)
def test_curve_equals_argmax_on_random_logits(seed: int, samples: int, classes: int, scale: float) -> None:
    """On real-valued logits of any size the curve is the argmax accuracy between all roots, and at both ends."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(samples, classes)) * scale, rng.normal(size=(samples, classes))
    labels = rng.integers(0, classes, samples)
    curve = alpha_curve(first, second, labels)
    margins = (first[:, :, None] - first[:, None, :]), (second[:, :, None] - second[:, None, :])
    with np.errstate(invalid="ignore", divide="ignore"):
        roots = margins[0] / (margins[0] - margins[1])
    roots = np.unique(np.concatenate([[0, 1], roots[(roots > 0) & (roots < 1)]]))
    middles = ((roots[:-1] + roots[1:]) / 2)[np.diff(roots) > 1e-9 * roots[1:]]
    counted = [np.mean(fuse(first, second, middle).argmax(axis=1) == labels) for middle in middles]
    assert curve.at(middles).tolist() == counted
    assert curve.at(0.0) == np.mean(first.argmax(axis=1) == labels)
    assert curve.at(1.0) == np.mean(second.argmax(axis=1) == labels)


def test_steps_are_exact() -> None:
    """Two samples with known roots, 1/4 and 3/4, give three steps whose edges are those roots."""
    first, second = [[3.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [3.0, 0.0]]
    curve = alpha_curve(first, second, [0, 0])
    assert curve.edges.tolist() == [0.0, 0.25, 0.75, 1.0]
    assert curve.accuracies.tolist() == [0.5, 1.0, 0.5]
    assert best_alpha(curve).alpha == 0.5


@pytest.mark.parametrize(
    ("edges", "accuracies", "alpha", "plateau"),
    [
        ([0, 0.2, 0.5, 1], [0.9, 0.5, 0.9], 0.75, (0.5, 1.0)),  # the widest wins
        ([0, 0.1, 0.4, 0.7, 1], [0.1, 0.9, 0.2, 0.9], 0.25, (0.1, 0.4)),  # equally wide: nearer to 0.5 than 0.85
        ([0, 0.2, 0.8, 1], [0.9, 0.5, 0.9], 0.1, (0.0, 0.2)),  # equally near: the lower
        ([0, 0.3, 0.6, 1], [0.9, 0.9, 0.5], 0.45, (0.0, 0.6)),  # joined; not on the break, of both sides nearer to 0.5
        ([0, 0.2, 0.6, 1], [0.9, 0.9, 0.5], 0.3, (0.0, 0.6)),  # the middle isn't a break: kept
    ],
)
def test_best_alpha_rules(
    edges: list[float], accuracies: list[float], alpha: float, plateau: tuple[float, float]
) -> None:
    """Highest accuracy, then the widest joined plateau, then nearest to 0.5, then the lower; never on a break."""
    curve = AlphaCurve(np.array(edges, dtype=float), np.array(accuracies))
    best = best_alpha(curve)
    assert best.alpha == pytest.approx(alpha)
    assert (best.low, best.high) == plateau


def test_plateaus_may_be_too_narrow_to_count() -> None:
    """With `narrowest` the best of the wider plateaus is taken, however accurate the narrower one is."""
    curve = AlphaCurve(np.array([0, 0.5, 0.53125, 1]), np.array([0.5, 0.9, 0.6]))
    assert best_alpha(curve).accuracy == 0.9
    assert best_alpha(curve, narrowest=0.04) == BestAlpha(0.765625, 0.6, 0.53125, 1.0)


def test_degenerate_logits() -> None:
    """Equal logits are never right, one class always is, and huge or tiny logits neither overflow nor lose an end."""
    assert alpha_curve(np.zeros((2, 3)), np.zeros((2, 3)), [0, 1]).at([0, 0.5, 1]).tolist() == [0, 0, 0]
    assert best_alpha(alpha_curve([[1.0]], [[2.0]], [0])).alpha == 0.5
    huge = alpha_curve([[1.7e308, -1.7e308]], [[-1.7e308, 1.7e308]], [0])
    assert huge.edges.tolist() == [0, 0.5, 1]
    tiny = alpha_curve([[5e-324, 0.0]], [[-1e300, 0.0]], [0])
    assert (tiny.at(0.0), tiny.at(1e-9)) == (1.0, 0.0)


def test_bad_input_is_refused() -> None:
    """NaN, infinity, wrong shapes, no samples, labels and alphas out of range each raise ValueError."""
    good = np.zeros((2, 3))
    for first, labels in [
        (np.full((2, 3), np.nan), [0, 1]),
        (np.full((2, 3), np.inf), [0, 1]),
        (np.zeros((2, 2)), [0, 1]),
        (good, [0, 3]),
        (good, [0, -1]),
        (good, [0]),
    ]:
        with pytest.raises(ValueError, match="must"):
            alpha_curve(first, good, labels)
    with pytest.raises(ValueError, match="N and C"):
        alpha_curve(np.zeros((0, 3)), np.zeros((0, 3)), [])
    with pytest.raises(ValueError, match="0 <= alpha"):
        fuse(good, good, 1.1)
    with pytest.raises(ValueError, match="0 <= alpha"):
        alpha_curve(good, good, [0, 1]).at([0.5, float("nan")])


def test_grid_is_the_publications_sweep() -> None:
    """Eleven alphas from 0.0 to 1.0, whose ends are the single models and which the exact best is never below."""
    rng = np.random.default_rng(1)
    first, second, labels = rng.normal(size=(50, 4)), rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    grid = alpha_grid(first, second, labels)
    assert [alpha for alpha, _ in grid] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert grid[0][1] == np.mean(first.argmax(axis=1) == labels)
    assert grid[-1][1] == np.mean(second.argmax(axis=1) == labels)
    assert best_alpha(alpha_curve(first, second, labels)).accuracy >= max(accuracy for _, accuracy in grid)


@st.composite
def cases_with_gaps(draw: st.DrawFn) -> Case:
    """Whole logits of which some rows are missing, each from one modality at most, and none of a modality's wholly."""
    first, second, labels = draw(whole_number_cases())
    for row in range(1, len(labels) - 1):
        lacking = draw(st.sampled_from([None, first, second]))
        if lacking is not None:
            lacking[row] = np.nan
    return first, second, labels


@given(cases_with_gaps())
@settings(max_examples=300, deadline=None)
def test_a_sample_that_lacks_a_modality_is_decided_by_the_other(case: Case) -> None:
    """The curve is that of logits in which the other modality's row stands in for the missing one."""
    first, second, labels = case
    filled = np.where(np.isnan(first), second, first), np.where(np.isnan(second), first, second)
    curve, expected = alpha_curve(*case), alpha_curve(*filled, labels)
    assert np.array_equal(curve.edges, expected.edges)
    assert np.array_equal(curve.accuracies, expected.accuracies)
    fused = fuse(first, second, 0.3)
    both = ~(np.isnan(first) | np.isnan(second))
    assert np.array_equal(fused[both], (0.3 * second + 0.7 * first)[both])
    assert np.array_equal(fused[~both], filled[0][~both])


def test_gaps_that_no_other_modality_fills_are_refused() -> None:
    """A row that is half NaN, one that no modality has, and a modality that no sample has each raise ValueError."""
    good, nan = [[1.0, 0.0], [0.0, 1.0]], np.nan
    with pytest.raises(ValueError, match="must be finite"):
        fuse([[1.0, nan], [0.0, 1.0]], good, 0.5)
    with pytest.raises(ValueError, match="Every sample must have a modality, but 1 have none, the first of them row 1"):
        alpha_curve([[1.0, 0.0], [nan, nan]], [[1.0, 0.0], [nan, nan]], [0, 1])
    with pytest.raises(ValueError, match="Every modality must be there"):
        alpha_curve(good, np.full((2, 2), nan), [0, 1])
    assert fuse(good, np.full((2, 2), nan), 0.5).tolist() == good
