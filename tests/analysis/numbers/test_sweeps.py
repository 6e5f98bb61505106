"""Every score's curve over alpha against counting at each step, with ties, gaps and absent classes."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.metrics import score
from analysis.numbers.sweeps import score_curve
from trainables.names import FusedMetric

Case = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Small whole logits, in which ties and shared break points are frequent; some rows lack a modality."""
    samples, classes = draw(st.integers(1, 7)), draw(st.integers(1, 4))
    rows = st.lists(
        st.lists(st.integers(-4, 4), min_size=classes, max_size=classes), min_size=samples, max_size=samples
    )
    first, second = np.array(draw(rows), dtype=float), np.array(draw(rows), dtype=float)
    labels = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=samples, max_size=samples)))
    gaps = draw(st.lists(st.sampled_from([0, 0, 0, 1, 2]), min_size=samples, max_size=samples))
    first[np.array(gaps) == 1], second[np.array(gaps) == 2] = np.nan, np.nan
    if np.isnan(first).all() or np.isnan(second).all():
        first, second = np.nan_to_num(first), np.nan_to_num(second)
    return first, second, labels


def filled(case: Case) -> tuple[list[list[int]], list[list[int]], list[int]]:
    """The logits at alpha 0 and at alpha 1 as whole numbers."""
    first, second, labels = case
    at_first = np.where(np.isnan(first), second, first)
    at_second = np.where(np.isnan(second), first, second)
    return at_first.astype(int).tolist(), at_second.astype(int).tolist(), labels.tolist()


def break_points(case: Case) -> list[Fraction]:
    """Every alpha at which two classes of a sample tie, with 0 and 1."""
    first, second, _ = filled(case)
    found = {Fraction(0), Fraction(1)}
    for low, high in zip(first, second, strict=True):
        for one, other in itertools.combinations(range(len(low)), 2):
            start, end = low[one] - low[other], high[one] - high[other]
            if start != end and 0 <= Fraction(start, start - end) <= 1:
                found.add(Fraction(start, start - end))
    return sorted(found)


def said_at(case: Case, alpha: Fraction) -> list[int]:
    """What exact arithmetic says of each sample; of classes that tie, not the true one."""
    found = []
    for low, high, label in zip(*filled(case), strict=True):
        fused = [alpha * s + (1 - alpha) * f for f, s in zip(low, high, strict=True)]
        found.append(min((c for c, value in enumerate(fused) if value == max(fused)), key=lambda c: (c == label, c)))
    return found


def counted(case: Case, alpha: Fraction, metric: FusedMetric) -> float:
    """The score of what is said there, by the product's table of scores, which equals scikit-learn's."""
    scores = score(said_at(case, alpha), case[2], [str(place) for place in range(case[0].shape[1])])
    recalls = [one.recall for one in scores.per_class if one.recall is not None]
    return float(np.mean(recalls)) if metric == "balanced_accuracy" else float(getattr(scores, metric))


@given(cases())
@settings(max_examples=80, deadline=None)
def test_every_score_equals_brute_force_between_all_break_points(case: Case) -> None:
    """Each metric at each step, so that its best step is the best there is."""
    middles = [(a + b) / 2 for a, b in itertools.pairwise(break_points(case))]
    for metric in get_args(FusedMetric):
        curve = score_curve(*case, metric=metric)
        brute = [counted(case, middle, metric) for middle in middles]
        assert curve.at([float(middle) for middle in middles]) == pytest.approx(brute, abs=1e-12)
        assert best_alpha(curve, narrowest=1e-12).accuracy == pytest.approx(max(brute), abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test_accuracy_is_that_of_the_shorter_way(seed: int, classes: int) -> None:
    """On logits as models have them: the same curve as `alpha_curve` at every step of both."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, 40, classes)).astype(np.float32) * [[[1]], [[5]]]
    labels = rng.integers(classes, size=40)
    one, other = score_curve(first, second, labels), alpha_curve(first, second, labels)
    edges = np.unique(np.concatenate([one.edges, other.edges]))
    middles = ((edges[1:] + edges[:-1]) / 2)[np.diff(edges) > 1e-12]
    assert np.array_equal(one.at(middles), other.at(middles))


def test_logits_at_the_limits_of_floats() -> None:
    """Neither huge nor tiny differences overflow, and a model that decides keeps its end."""
    first = np.array([[1e308, -1e308], [0.0, 1e-300]])
    second = np.array([[-1e308, 1e308], [1.0, -1.0]])
    curve = score_curve(first, second, [0, 1], "balanced_accuracy")
    assert (curve.accuracies[0], curve.accuracies[-1]) == (1.0, 0.0)


def test_unusable_input_is_refused() -> None:
    """As `alpha_curve` does: shapes, labels, what isn't finite, a modality that nobody has."""
    good = np.zeros((2, 2))
    with pytest.raises(ValueError, match="one shape"):
        score_curve(good, np.zeros((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="`labels` must have shape"):
        score_curve(good, good, [0, 2])
    with pytest.raises(ValueError, match="must be there in at least one sample"):
        score_curve(good, np.full((2, 2), np.nan), [0, 1])
