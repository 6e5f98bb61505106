"""The time that a study still takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledger_fakes import T0, Told, study_config

from search.show.time_left import time_left

PLANNED = {"image": 4}


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """A session of a study with one modality's trials, 10 seconds an epoch."""
    told = Told(tmp_path, study_config(image=4))
    told.session()
    return told


def left(told: Told, planned: dict[str, int] | None = None, budget: float | None = None) -> float | None:
    """The estimate of now."""
    return time_left(told.state, planned or PLANNED, told.now, budget).seconds_left


def test_without_a_trial_that_ended_nothing_is_known(told: Told) -> None:
    """Epochs alone are no basis: their trial may be pruned or run on."""
    assert left(told) is None
    told.begin("image_000")
    told.epochs("image_000", [0.5, 0.6])
    assert left(told) is None


def test_of_heads_alone_nothing_is_known(told: Told) -> None:
    """How long one takes says nothing of the next."""
    assert left(told, {"image": 0}) is None


def test_one_after_the_other_each_takes_its_usual_time(told: Told) -> None:
    """The mean of the ended ones, pruned ones among them, for each that is to come."""
    told.run("image_000", [0.5, 0.6, 0.7])
    assert left(told) == pytest.approx(3 * 30)
    told.run("image_001", [0.5], "pruned")
    assert left(told) == pytest.approx(2 * 20)


def test_a_running_trial_counts_with_what_is_left_of_it(told: Told) -> None:
    """Its time until now is done; one that runs longer than usual may end at any moment, and isn't negative."""
    told.run("image_000", [0.5, 0.6])
    told.begin("image_001")
    told.wait(5)
    assert left(told) == pytest.approx(15 + 2 * 20)
    told.wait(100)
    assert left(told) == pytest.approx(2 * 20)


def test_trials_beside_each_other_share_the_time(told: Told) -> None:
    """Two at a time take half as long, but never less than the longest single one."""
    for number in (0, 1):
        told.begin(f"image_{number:03d}")
    told.wait(30)
    for number in (0, 1):
        told.end(f"image_{number:03d}")
    assert left(told, {"image": 6}) == pytest.approx(4 * 30 / 2)
    assert left(told, {"image": 3}) == pytest.approx(30)


def test_every_modality_with_work_left_needs_a_basis(told: Told) -> None:
    """One that is finished doesn't; the others' times aren't mixed up."""
    told.run("image_000", [0.5, 0.6])
    assert left(told, {"image": 1, "text": 2}) is None
    told.run("text_000", [0.5])
    assert left(told, {"image": 1, "text": 2}) == pytest.approx(10)
    assert left(told, {"image": 1, "text": 1}) == 0


def test_an_interrupted_trial_goes_on_where_it_was(told: Told) -> None:
    """The time of its first attempt counts, the pause between two sessions doesn't."""
    told.run("image_000", [0.5, 0.6, 0.7])
    told.begin("image_001")
    told.epochs("image_001", [0.5])
    told.end("image_001", "interrupted")
    told.wait(100_000)
    told.session()
    told.begin("image_001")
    assert left(told, {"image": 2}) == pytest.approx(20)


def test_under_a_time_budget_the_sooner_of_the_two(told: Told) -> None:
    """What is left of the budget is known from the beginning, over all sessions, and never below 0."""
    told.wait(60)
    assert left(told, budget=100) == pytest.approx(40)
    told.run("image_000", [0.5])
    assert left(told, budget=1000) == pytest.approx(30)
    assert left(told, budget=80) == pytest.approx(10)
    assert left(told, budget=20) == 0
    assert told.now == T0 + 70


def test_the_range_is_by_the_spread_of_what_ended(told: Told) -> None:
    """Wide after one trial, nothing at all where all took the same, never below the budget's rest."""
    assert time_left(told.state, PLANNED, told.now).range is None
    told.run("image_000", [0.5, 0.6, 0.7])
    low, high = time_left(told.state, PLANNED, told.now).range or (0.0, 0.0)
    assert 0 < low < 90 < high
    told.run("image_001", [0.5, 0.6, 0.7])
    assert time_left(told.state, PLANNED, told.now).range == pytest.approx((60, 60))
    told.run("image_002", [0.5])
    low, high = time_left(told.state, PLANNED, told.now).range or (0.0, 0.0)
    assert low < (left(told) or 0) < high


def test_the_range_never_promises_more_than_the_budget(told: Told) -> None:
    """Where the time budget ends first, both ends are its rest."""
    told.run("image_000", [0.5, 0.6, 0.7])
    assert time_left(told.state, PLANNED, told.now, 31).range == pytest.approx((1, 1))
