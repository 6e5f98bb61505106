"""Points with evenly spaced weights: M weights that are multiples of one step and sum to 1."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from analysis.numbers.logits import Floats

FINEST = 100  # steps from 0 to 1


def grid_size(parts: int, steps: int) -> int:
    """How many points `simplex_grid` has."""
    return comb(steps + parts - 1, parts - 1)


def finest_steps(parts: int, most: int) -> int:
    """As many steps from 0 to 1, between 1 and 100, as give at most `most` points where possible."""
    return max((steps for steps in range(1, FINEST + 1) if grid_size(parts, steps) <= most), default=1)


def simplex_grid(parts: int, steps: int) -> Floats:
    """Every vector of `parts` weights that are multiples of 1 / `steps` and sum to 1: (points, parts).

    Each is `steps` balls in `parts` boxes, told by the places of the walls between the boxes.
    """
    places = steps + parts - 1
    walls = np.array(list(combinations(range(places), parts - 1)), dtype=np.int64).reshape(-1, parts - 1)
    balls = np.diff(walls, axis=1, prepend=-1, append=places) - 1
    weights: Floats = balls / steps
    return weights
