"""The accuracy along lines between weighted modalities, for samples that have all of them and for those that don't."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.numbers.lines import Lines, over_present


def drawn(seed: int) -> tuple[Lines, np.random.Generator]:
    """Twelve samples of three classes and three modalities, each of which some samples lack."""
    rng = np.random.default_rng(seed)
    logits, present = rng.normal(size=(3, 12, 3)), rng.random((3, 12)) < 0.7
    present[rng.integers(0, 3, 12), np.arange(12)] = True
    logits[~present] = 0
    return Lines(logits, present, rng.integers(0, 3, 12)), rng


@given(st.integers(0, 2**32 - 1), st.integers(0, 2), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_curve_counts_what_is_right_at_each_of_its_points(seed: int, modality: int, edge: bool) -> None:
    """From any mixture of the others, one that lies on an edge too, to the modality alone."""
    lines, rng = drawn(seed)
    point = rng.dirichlet(np.ones(3))
    point[(modality + 1) % 3] *= not edge
    rest = lines.rest(point, modality)
    assert rest[modality] == 0
    assert rest.sum() == pytest.approx(1)
    curve, vertex = lines.curve(rest, modality), np.eye(3)[modality]
    middles = ((curve.edges[:-1] + curve.edges[1:]) / 2)[np.diff(curve.edges) > 1e-9]
    points = np.array([(1 - alpha) * rest + alpha * vertex for alpha in middles])
    assert np.array_equal(lines.right(points), np.round(curve.at(middles) * lines.samples))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2))
@settings(max_examples=100, deadline=None)
def test_the_best_of_a_line_is_what_is_right_there(seed: int, modality: int) -> None:
    """The weights that are returned sum to 1, lie on the line, and are as accurate as is said."""
    lines, rng = drawn(seed)
    point = rng.dirichlet(np.ones(3))
    best = lines.towards(point, modality)
    weights = np.array(best.weights)
    assert weights.sum() == pytest.approx(1)
    assert best.low < weights[modality] < best.high
    assert lines.right(weights[None])[0] == round(best.accuracy * lines.samples)
    others = [place for place in range(3) if place != modality]
    assert weights[others] / weights[others].sum() == pytest.approx(point[others] / point[others].sum())
    assert lines.towards(point, modality) is best


def test_a_line_from_a_modality_alone_begins_at_all_others_alike() -> None:
    """Where nothing is left of a point without the modality, the rest is equal weights."""
    assert drawn(0)[0].rest(np.array([0.0, 1.0, 0.0]), 1).tolist() == [0.5, 0, 0.5]


def test_what_is_missing_weighs_nothing() -> None:
    """And where nothing else weighs, all that is there weighs the same."""
    present = np.array([[True, True, False], [False, False, True], [False, True, True]])
    assert over_present(np.array([0.5, 0.0, 0.5]), present).tolist() == [[0.5, 0, 0], [0, 0, 0.5], [0, 0, 0.5]]
    assert over_present(np.array([1.0, 0.0, 0.0]), present[2]).tolist() == [0, 1, 1]


@given(st.integers(2, 40), st.integers(1, 39))
@settings(max_examples=200, deadline=None)
def test_rounding_decides_no_tie(parts: int, part: int) -> None:
    """Two modalities that contradict each other in proportion to their weights leave a tie, which is wrong."""
    share = 1 + (part - 1) % (parts - 1)
    logits = np.zeros((3, 1, 2))
    logits[0, 0, 0], logits[1, 0, 1] = parts - share, share
    lines = Lines(logits, np.ones((3, 1), dtype=np.bool_), np.array([0]))
    rest = np.array([share / parts, (parts - share) / parts, 0.0])
    assert lines.curve(rest, 2).at(np.linspace(0.01, 0.99, 9)).max() == 0
