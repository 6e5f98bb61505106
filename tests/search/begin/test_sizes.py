"""Sizes, epochs and trials fit the time, whatever a step costs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search.begin.sizes import FEWEST, MOST, Cost, plan_of, seconds_each

SCALES = [({"size": 224}, 5.4), ({"size": 96}, 1.0)]
EPOCHS = (8, 4, 2)


def test_the_best_scale_that_leaves_enough_trials_is_taken() -> None:
    """Larger pictures before more epochs, more epochs before more trials."""
    rich = plan_of(Cost(1, 0), SCALES, EPOCHS, 10_000)
    assert (rich.scale, rich.epochs, rich.trials) == ({"size": 224}, 8, MOST)
    fewer = plan_of(Cost(1, 0), SCALES, EPOCHS, 60)
    assert (fewer.scale, fewer.epochs, fewer.trials) == ({"size": 224}, 4, 4)
    small = plan_of(Cost(1, 0), SCALES, EPOCHS, 20)
    assert (small.scale, small.epochs, small.trials) == ({"size": 96}, 8, 4)


def test_where_nothing_fits_one_trial_is_left_to_the_time_budget() -> None:
    """At the cheapest scale, with the fewest epochs."""
    plan = plan_of(Cost(100, 10), SCALES, EPOCHS, 5)
    assert (plan.scale, plan.epochs, plan.trials) == ({"size": 96}, 2, 1)


@given(train=st.floats(1e-3, 1e4), val=st.floats(0, 100), seconds=st.floats(0, 1e5), factor=st.floats(1, 50))
def test_what_is_planned_fits(train: float, val: float, seconds: float, factor: float) -> None:
    """Unless a single trial is too much already; never more than `MOST`, nor fewer than one."""
    plan = plan_of(Cost(train, val), [({"size": 224}, factor), ({"size": 96}, 1.0)], EPOCHS, seconds)
    assert 1 <= plan.trials <= MOST
    assert plan.seconds <= seconds or plan.trials == 1
    assert plan.trials >= FEWEST or plan.epochs == EPOCHS[-1]


@given(budget=st.floats(0, 1e5), modalities=st.integers(1, 4), places=st.integers(1, 16))
def test_the_modalities_share_the_time(budget: float, modalities: int, places: int) -> None:
    """Together no more than all places have."""
    assert 0 <= modalities * seconds_each(budget, modalities, places) <= budget * places
