"""The grid of evenly spaced weights."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.numbers.simplex import FINEST, finest_steps, grid_size, simplex_grid


@pytest.mark.parametrize(("parts", "steps"), [(2, 10), (3, 7), (4, 4), (3, 100)])
def test_a_grid_has_every_point_once(parts: int, steps: int) -> None:
    """As many different points as there are ways to share the steps, each at least 0 and 1 in sum."""
    points = simplex_grid(parts, steps)
    assert points.shape == (grid_size(parts, steps), parts)
    assert len(np.unique(points, axis=0)) == len(points)
    assert points.min() >= 0
    assert np.allclose(points.sum(axis=1), 1)
    assert np.allclose(np.round(points * steps), points * steps)


def test_a_grid_is_as_fine_as_the_budget_allows() -> None:
    """The next finer one would be too large; never finer than 1/100, and never without the single modalities."""
    steps = finest_steps(3, 1000)
    assert grid_size(3, steps) <= 1000 < grid_size(3, steps + 1)
    assert finest_steps(2, 10**9) == FINEST
    assert finest_steps(5, 0) == 1
    assert np.array_equal(np.sort(simplex_grid(3, 1), axis=0), np.sort(np.eye(3), axis=0))
