"""The corners of a space."""

from __future__ import annotations

from sampler_fakes import CONDITIONAL, EVERY_KIND, LOWEST

from search.space.conditions import active
from search.space.corners import end_points


def test_corners_are_low_high_and_each_choice() -> None:
    """All low, all high, and every choice with the rest low, none twice."""
    corners = end_points(EVERY_KIND)
    high = {"rate": 1e-2, "dropout": 0.5, "size": 128, "widths": (), "momentum": 0.03, "fit": "crop"}
    assert corners[:2] == [LOWEST, high]
    assert corners[2:] == [
        {**LOWEST, "widths": (256,)},
        {**LOWEST, "widths": ()},
        {**LOWEST, "momentum": 0.1},
        {**LOWEST, "momentum": 0.03},
        {**LOWEST, "fit": "crop"},
    ]
    assert end_points({}) == [{}]


def test_corners_have_the_active_keys() -> None:
    """Each corner leaves out what isn't active; each key is at both of its ends in some corner."""
    corners = end_points(CONDITIONAL)
    assert all(set(corner) == set(active(CONDITIONAL, corner)) for corner in corners)
    reached = {key: {corner[key] for corner in corners if key in corner} for key in CONDITIONAL}
    assert reached["heat"] == {0, 1}
    assert reached["momentum"] == {0.5, 0.99}
    assert reached["schedule"] == {"flat", "cosine"}
    assert reached["kind"] == {"adam", "sgd", "lion"}
