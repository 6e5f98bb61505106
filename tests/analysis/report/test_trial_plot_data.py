"""What the pictures of a search show, as values."""

from __future__ import annotations

import dataclasses

import pytest
from analysis_fakes import trial
from modality_names import IMAGE, TEXT

from analysis.report.trial_plot_data import coordinates, history, reached
from trainables.names import HEAD
from trainables.records import StopReason


def test_history_is_in_the_order_of_the_search() -> None:
    """By number, whatever the records' order; trials without an epoch are left out; the best so far never falls."""
    records = [
        trial(IMAGE, 2, (0.6,), reason=StopReason.PRUNED),
        trial(IMAGE, 0, (0.5, 0.7)),
        trial(IMAGE, 1, (), reason=StopReason.FAILED),
        trial(TEXT, 0, (0.9,)),
        trial(IMAGE, 3, (float("nan"),), reason=StopReason.DIVERGED),
    ]
    found = history(records, IMAGE)
    assert (found.numbers, found.accuracies, found.best) == ((1, 2), (0.7, 0.6), (0.7, 0.7))
    assert found.reasons == (StopReason.COMPLETED, StopReason.PRUNED)


def test_how_far_trials_went() -> None:
    """Each epoch's count is of those that ended it; heads aren't counted."""
    head = dataclasses.replace(trial(IMAGE, 9, (0.8,)), config={HEAD: "ridge"})
    records = [trial(IMAGE, 0, (0.5, 0.6, 0.7)), trial(IMAGE, 1, (0.4,)), trial(IMAGE, 2, (0.4,)), head]
    assert reached(records, IMAGE).trials == (3, 1, 1)
    assert reached([head], IMAGE).trials == ()


def test_coordinates_place_values_on_their_axes() -> None:
    """Far apart: logarithmic; words evenly; what doesn't differ, or isn't there for all, has no axis."""
    records = [
        trial(
            IMAGE,
            n,
            (0.5 + n / 10,),
            params={"rate": 10.0**-n, "depth": n, "net": "ab"[n % 2], "same": 1, f"own{n}": 1},
        )
        for n in range(3)
    ]
    found = coordinates(records, IMAGE)
    axes = {axis.name: axis for axis in found.axes}
    assert list(axes) == ["depth", "net", "rate"]
    assert axes["rate"].places == pytest.approx((1.0, 0.5, 0.0))
    assert axes["rate"].ticks[1] == (0.5, "0.1")
    assert axes["depth"].places == (0.0, 0.5, 1.0)
    assert axes["net"].places == (0.0, 1.0, 0.0)
    assert found.accuracies == (0.5, 0.6, 0.7)
    assert coordinates([], IMAGE).axes == ()
