"""Beside Ray's own: what holds for OptunaSearch, FIFOScheduler and ASHAScheduler holds for our searcher and scheduler.

The contracts follow what Ray tests of its searchers and schedulers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from controller_fakes import NAN, FakeTrial, FakeTune
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
from ray.tune.search import ConcurrencyLimiter, Searcher
from ray.tune.search.optuna import OptunaSearch
from search_fakes import epoch
from simulation import MAX_EPOCHS, OWN, SPACE, new_ledger, search_of, session

from search.decide.driver import StudyDriver
from search.methods.draws import draw_seed, make_sampler
from search.session.stop_request import StopRequest
from search.session.tune_executor import AttemptEvents, AttemptScheduler, AttemptSearcher
from search.space.optuna import to_distributions

INF = float("inf")
Make = Callable[[Path], FakeTune]


def driver_in(folder: Path, **changes: Any) -> StudyDriver:
    """A study of 30 trials, five at once, without fixed points."""
    search = search_of(**{"trials": 30, "points": [], "method": "random", "scheduler": "none", **changes})
    return session(new_ledger(folder), search, at_once=5)


def ours(folder: Path, wrap: Callable[[Searcher], Searcher] = lambda searcher: searcher, **changes: Any) -> FakeTune:
    """An experiment with our adapters."""
    driver = driver_in(folder, **changes)
    searcher = wrap(AttemptSearcher(driver, {"image": {"modality": "image"}}))
    return FakeTune(searcher, AttemptScheduler(driver), [AttemptEvents(driver, StopRequest(folder / "stop"))], folder)


def rays(folder: Path, wrap: Callable[[Searcher], Searcher] = lambda searcher: searcher) -> FakeTune:
    """An experiment with Ray's searcher."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=3)
    search = OptunaSearch(space=to_distributions(SPACE), metric="val_accuracy", mode="max", sampler=sampler)
    return FakeTune(wrap(search))


both = pytest.mark.parametrize("make", [ours, rays])


def report(number: int, accuracy: Any, **more: Any) -> dict[str, Any]:
    """What a trial reports after an epoch."""
    return {**epoch(number, 0.5).as_metrics(), "val_accuracy": accuracy, "best_val_accuracy": accuracy, **more}


def last(number: int, accuracy: Any) -> dict[str, Any]:
    """The result with which a trial ends by itself."""
    return report(number, accuracy, done=True, stop_reason="completed")


@both
@pytest.mark.parametrize("value", [NAN, INF, -INF, 1, 0, 0.5])
def test_any_value_may_be_reported(make: Make, tmp_path: Path, value: float) -> None:
    """First, in the middle or last: nothing is raised, and the search goes on."""
    tune = make(tmp_path)
    for place in range(3):
        trial = tune.begin()
        values = [0.5, 0.6, 0.7]
        values[place] = value
        if not tune.result(trial, report(1, values[0])) and not tune.result(trial, report(2, values[1])):
            tune.result(trial, last(3, values[2]))
    assert isinstance(tune.suggest(), FakeTrial)


@both
def test_an_error_costs_no_other_trial(make: Make, tmp_path: Path) -> None:
    """Before a result and after one; those beside it go on."""
    tune = make(tmp_path)
    first, second, beside = tune.begin(), tune.begin(), tune.begin()
    tune.error(first, RuntimeError("at once"))
    tune.result(second, report(1, 0.5))
    tune.error(second, ValueError("later"))
    assert tune.result(beside, last(1, 0.5))
    assert isinstance(tune.suggest(), FakeTrial)


@both
def test_a_trial_may_be_told_complete_twice(make: Make, tmp_path: Path) -> None:
    """With a result, without one, as an error: once it is over, nothing changes."""
    tune = make(tmp_path)
    trial = tune.begin()
    tune.result(trial, last(1, 0.5))
    tune.searcher.on_trial_complete(trial.trial_id, trial.last_result)
    tune.searcher.on_trial_complete(trial.trial_id)
    tune.searcher.on_trial_complete(trial.trial_id, error=True)
    tune.searcher.on_trial_result(trial.trial_id, report(2, 0.7))
    assert isinstance(tune.suggest(), FakeTrial)


def test_unknown_trials_are_no_matter(tmp_path: Path) -> None:
    """Ray's searcher raises a KeyError there, which ends an experiment."""
    tune = ours(tmp_path)
    tune.searcher.on_trial_result("unknown", report(1, 0.5))
    tune.searcher.on_trial_complete("unknown", report(1, 0.5))
    assert isinstance(tune.suggest(), FakeTrial)


@both
def test_a_limiter_may_stand_before_it(make: Callable[..., FakeTune], tmp_path: Path) -> None:
    """Tune's limit of trials at once holds, and an ended trial makes room."""
    tune = make(tmp_path, wrap=lambda searcher: ConcurrencyLimiter(searcher, max_concurrent=2))
    first, _ = tune.begin(), tune.begin()
    assert tune.suggest() is None
    tune.result(first, last(1, 0.5))
    assert isinstance(tune.suggest(), FakeTrial)
    assert tune.suggest() is None


@both
def test_saved_and_restored_it_goes_on(make: Make, tmp_path: Path) -> None:
    """In the middle of a search, into another object too, which then suggests."""
    (tmp_path / "other").mkdir()
    tune, other = make(tmp_path), make(tmp_path / "other")
    for number in range(3):
        tune.result(tune.begin(), last(1, number / 10))
    path = tmp_path / "searcher.pkl"
    tune.searcher.save(str(path))
    assert path.is_file()
    other.searcher.restore(str(path))
    assert isinstance(other.suggest(), FakeTrial)
    assert isinstance(tune.suggest(), FakeTrial)


@both
def test_it_has_a_metric_and_a_mode(make: Make, tmp_path: Path) -> None:
    """Tune checks results for the one, and neither can be set anew."""
    searcher = make(tmp_path).searcher
    assert (searcher.metric, searcher.mode) == ("val_accuracy", "max")
    assert not searcher.set_search_properties("val_loss", "min", {})


def test_optuna_s_records_agree(tmp_path: Path) -> None:
    """After the same 30 trials, one at a time with the same draws, both studies say the same of each."""
    (tmp_path / "ours").mkdir()
    one, other = ours(tmp_path / "ours"), rays(tmp_path)
    theirs = other.searcher._ot_study
    for number in range(30):
        made = make_sampler("random", seed=draw_seed(3, number), startup_trials=4, parallel=False)
        theirs.sampler = made
        for tune in (one, other):
            trial = tune.begin()
            values = trial.config.get("hyperparameters", trial.config)
            for at in range(1, MAX_EPOCHS):
                tune.result(trial, report(at, values["rate"] * at / MAX_EPOCHS))
            tune.result(trial, last(MAX_EPOCHS, values["rate"]))
    mine = one.scheduler._driver.searches["image"].sampler.study
    assert [(t.state, t.value, t.params) for t in mine.trials] == [(t.state, t.value, t.params) for t in theirs.trials]
    assert (len(mine.trials), mine.best_value) == (30, theirs.best_value)
    assert set(OWN) > set(mine.best_params) == set(SPACE)
    assert one.suggest() == Searcher.FINISHED


def our_scheduler(folder: Path) -> FakeTune:
    """An experiment with our scheduler, which stops many trials."""
    return ours(folder, scheduler="asha", trials=1000)


def ray_scheduler(folder: Path, scheduler: Any) -> FakeTune:
    """An experiment with Ray's."""
    return FakeTune(rays(folder).searcher, scheduler)


def fifo(folder: Path) -> FakeTune:
    """Stops nothing."""
    return ray_scheduler(folder, FIFOScheduler())


def asha(folder: Path) -> FakeTune:
    """Stops many."""
    times = {"time_attr": "epoch", "max_t": MAX_EPOCHS, "grace_period": 1, "reduction_factor": 2}
    return ray_scheduler(folder, ASHAScheduler(metric="val_accuracy", mode="max", **times))


schedulers = pytest.mark.parametrize("make", [our_scheduler, fifo, asha])


@schedulers
@pytest.mark.parametrize("seed", range(5))
def test_trials_come_and_go_in_any_order(make: Make, tmp_path: Path, seed: int) -> None:
    """Results, errors and ends by chance, up to five trials at once: each answer is one that Tune knows."""
    chance, tune = random.Random(seed), make(tmp_path)
    running: dict[FakeTrial, int] = {}
    for _ in range(150):
        if len(running) < 5 and (not running or chance.random() < 0.4):
            running[tune.begin()] = 0
            continue
        trial = chance.choice(list(running))
        running[trial] += 1
        fate = chance.random()
        if fate < 0.1:
            tune.error(trial, RuntimeError("a cable"))
            stopped = True
        elif fate < 0.2 or running[trial] == MAX_EPOCHS:
            stopped = tune.result(trial, last(running[trial], chance.random()))
        else:
            stopped = tune.result(trial, report(running[trial], chance.random()))
        if stopped:
            del running[trial]
    assert isinstance(tune.scheduler.debug_string(), str)


@schedulers
def test_a_trial_s_results_may_come_after_the_stop(make: Make, tmp_path: Path) -> None:
    """Tune may hand over one more: it is answered, not raised."""
    tune = make(tmp_path)
    trials = [tune.begin() for _ in range(4)]
    answers = {}
    for place, trial in enumerate(trials):
        answers[trial] = tune.scheduler.on_trial_result(tune, trial, report(1, 0.9 - place / 10))
        again = tune.scheduler.on_trial_result(tune, trial, report(2, 0.1))
        assert again in ("CONTINUE", "STOP")
    assert set(answers.values()) <= {"CONTINUE", "STOP"}


@schedulers
def test_the_first_pending_trial_is_run(make: Make, tmp_path: Path) -> None:
    """Then one that is paused, else none; asking changes nothing. A trial may be taken away before it ran."""
    tune = make(tmp_path)
    trials = [tune.begin() for _ in range(3)]
    assert tune.scheduler.choose_trial_to_run(tune) is None
    trials[1].status = trials[2].status = Trial.PENDING
    for _ in range(2):
        assert tune.scheduler.choose_trial_to_run(tune) is trials[1]
    trials[1].status = trials[2].status = Trial.PAUSED
    assert tune.scheduler.choose_trial_to_run(tune) is trials[1]
    tune.scheduler.on_trial_remove(tune, trials[1])
