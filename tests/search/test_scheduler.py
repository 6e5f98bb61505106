"""The scheduler: Ray's ASHA, and what a value that isn't a number does to it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler
from search_fakes import NAN, FakeTrial, diverged_result, results

from search.scheduler import Asha, make_scheduler
from search.sections import SchedulerSection
from trainables.records import UserError

MAX_EPOCHS = 30


def rungs(scheduler: Any) -> list[tuple[float, dict[str, float]]]:
    """Each rung with its entries."""
    entries: list[tuple[float, dict[str, float]]] = scheduler._brackets[0]._rungs
    return entries


def added(scheduler: Any, number: int) -> FakeTrial:
    """A trial that the scheduler knows."""
    trial = FakeTrial(number, {})
    scheduler.on_trial_add(None, trial)
    return trial


def test_asha_decides_as_rays_own() -> None:
    """Over 200 random searches without NaN, every decision and every rung is that of Ray's ASHAScheduler."""
    stops = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        grace, factor = int(rng.integers(1, 5)), int(rng.integers(2, 5))
        ours = make_scheduler(SchedulerSection(grace=grace, factor=factor), MAX_EPOCHS)
        rays = ASHAScheduler(
            time_attr="epoch",
            metric="val_accuracy",
            mode="max",
            max_t=MAX_EPOCHS,
            grace_period=grace,
            reduction_factor=factor,
        )
        trials = [added(ours, number) for number in range(8)]
        for trial in trials:
            rays.on_trial_add(None, trial)
        epoch = dict.fromkeys(range(8), 0)
        while epoch:
            number = int(rng.choice(list(epoch)))
            epoch[number] += 1
            result = {"epoch": epoch[number], "val_accuracy": float(rng.random())}
            if rng.random() < 0.05:  # it ended by itself
                ours.on_trial_complete(None, trials[number], result)
                rays.on_trial_complete(None, trials[number], result)
                del epoch[number]
                continue
            decisions = {s.on_trial_result(None, trials[number], result) for s in (ours, rays)}
            assert len(decisions) == 1, (seed, result)
            if decisions == {TrialScheduler.STOP}:
                stops += 1
                for scheduler in (ours, rays):
                    scheduler.on_trial_complete(None, trials[number], result)
                del epoch[number]
        assert rungs(ours) == rungs(rays)
    assert stops > 200


def test_a_nan_stops_its_trial_and_leaves_no_entry() -> None:
    """Such a trial ends at once; the rungs hold numbers alone, and go on comparing with them."""
    scheduler = make_scheduler(SchedulerSection(grace=1, factor=2), MAX_EPOCHS)
    good, bad, weak = (added(scheduler, number) for number in range(3))
    assert scheduler.on_trial_result(None, good, {"epoch": 1, "val_accuracy": 0.9}) == TrialScheduler.CONTINUE
    assert scheduler.on_trial_result(None, bad, {"epoch": 1, "val_accuracy": NAN}) == TrialScheduler.STOP
    scheduler.on_trial_complete(None, bad, {"epoch": 1, "val_accuracy": NAN})
    assert not any(bad.trial_id in entries for _, entries in rungs(scheduler))
    assert scheduler.on_trial_result(None, weak, {"epoch": 1, "val_accuracy": 0.1}) == TrialScheduler.STOP


def test_a_diverged_trial_leaves_nothing() -> None:
    """The trainable ends it itself: no rung entry for its NaN, no place held for it."""
    scheduler = make_scheduler(SchedulerSection(grace=2, factor=2), MAX_EPOCHS)
    trial = added(scheduler, 0)
    scheduler.on_trial_result(None, trial, results((0.5,))[0])
    scheduler.on_trial_complete(None, trial, diverged_result(2))
    assert all(not entries for _, entries in rungs(scheduler))
    assert isinstance(scheduler, Asha)
    assert scheduler._trial_info == {}


def test_grace_is_respected() -> None:
    """However weak, no trial is stopped before `grace` epochs; at them the weak one is."""
    scheduler = make_scheduler(SchedulerSection(grace=3, factor=3), MAX_EPOCHS)
    best, weak = added(scheduler, 0), added(scheduler, 1)
    for epoch in (1, 2, 3):
        result = {"epoch": epoch, "val_accuracy": 0.9}
        assert scheduler.on_trial_result(None, best, result) == TrialScheduler.CONTINUE
    decisions = [scheduler.on_trial_result(None, weak, {"epoch": e, "val_accuracy": 0.01 * e}) for e in (1, 2, 3)]
    assert decisions == [TrialScheduler.CONTINUE, TrialScheduler.CONTINUE, TrialScheduler.STOP]


def test_rungs_follow_grace_and_factor() -> None:
    """With 3 and 3 over 30 epochs trials are compared after 3, 9 and 27."""
    scheduler = make_scheduler(SchedulerSection(), MAX_EPOCHS)
    assert sorted(milestone for milestone, _ in rungs(scheduler)) == [3, 9, 27]


def test_without_asha_every_trial_runs_to_its_end() -> None:
    """Disabled, the scheduler never stops a trial, however weak."""
    scheduler = make_scheduler(SchedulerSection(name="none"), MAX_EPOCHS)
    assert type(scheduler) is FIFOScheduler
    for number, accuracy in enumerate((0.9, 0.5, 0.0)):
        trial = added(scheduler, number)
        for epoch in range(1, MAX_EPOCHS):
            result = {"epoch": epoch, "val_accuracy": accuracy}
            assert scheduler.on_trial_result(None, trial, result) == TrialScheduler.CONTINUE


def test_other_rules_are_refused() -> None:
    """A rule that Ray's classes here don't decide is refused instead of exchanged for ASHA."""
    with pytest.raises(UserError, match="must be asha or none here, but got median"):
        make_scheduler(SchedulerSection(name="median"), MAX_EPOCHS)
