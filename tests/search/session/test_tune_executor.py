"""The adapters through which Ray Tune asks the driver and tells it: a real driver on a real ledger, no cluster."""

from __future__ import annotations

import errno
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from controller_fakes import FakeTrial, FakeTune, ended_result
from ray.exceptions import ActorDiedError, RayTaskError
from ray.tune.search import Searcher
from search_fakes import epoch
from simulation import new_ledger, search_of, session

from search.decide.driver import StudyDriver
from search.decide.failures import DIED
from search.decide.terms import Limits, Resources
from search.ledger.ledger import Ledger
from search.ledger.state import Outcome, Trial
from search.session.stop_request import StopRequest
from search.session.tune_executor import (
    AttemptEvents,
    AttemptScheduler,
    AttemptSearcher,
    _attempts_of,
    error_of,
    trial_id_of,
)
from trainables.records import StopReason
from trainables.worker.tune_adapter import TuneTrial

CONSTANTS = {"image": {"modality": "image", "seed": 3}, "text": {"modality": "text", "seed": 3}}


class Experiment:
    """A study whose trials the test runs."""

    def __init__(self, folder: Path, *searches: Any, **options: Any) -> None:
        self.ledger = new_ledger(folder)
        self.driver: StudyDriver = session(self.ledger, *searches, **options)
        self.events = AttemptEvents(self.driver, StopRequest(folder / "stop"))
        searcher, scheduler = AttemptSearcher(self.driver, CONSTANTS), AttemptScheduler(self.driver)
        self.tune = FakeTune(searcher, scheduler, [self.events], folder)

    def trial(self, trial: FakeTrial) -> Trial:
        """What is on record of it."""
        return self.ledger.state.trials[trial_id_of(trial)]


@pytest.fixture
def study(tmp_path: Path) -> Experiment:
    """One trial at a time."""
    return Experiment(tmp_path)


def report(number: int, accuracy: float, **more: Any) -> dict[str, Any]:
    """What the trainable reports after an epoch."""
    return {**epoch(number, accuracy).as_metrics(), "worker": "here 1", "note": "", **more}


def test_an_attempt_is_a_raw_dict(tmp_path: Path) -> None:
    """It has what every trial of its modality gets, its hyperparameters and what its worker gets; nothing of 0."""
    searches = (search_of("image", resources=Resources(2, 0.5)), search_of("text", resources=Resources(1, 0)))
    study = Experiment(tmp_path, *searches, at_once=2)
    image, text = study.tune.begin().config, study.tune.begin().config
    hyperparameters = {"rate": 1e-2, "decay": 0.1, "size": 32, "depth": 2}
    own = {"modality": "image", "seed": 3, "number": 0, "recorded": 0, "cpus": 2, "hyperparameters": hyperparameters}
    assert image == {**own, "resources": {"CPU": 2, "GPU": 0.5}}
    assert text["resources"] == {"CPU": 1}
    assert [trial.running for trial in study.ledger.state.trials.values()] == [True, True]


def test_no_attempt_where_nothing_fits(study: Experiment) -> None:
    """Tune asks again later; and is told when nothing is left."""
    study.tune.begin()
    assert study.tune.suggest() is None
    study.driver.request_stop(Outcome.INTERRUPTED)
    assert study.tune.suggest() is None
    study.driver.attempts_vanished()
    assert study.tune.suggest() == Searcher.FINISHED


def test_epochs_are_recorded_once(study: Experiment) -> None:
    """Each goes on record with its worker; one that a resumed trial repeats changes nothing."""
    trial = study.tune.begin()
    study.tune.result(trial, report(1, 0.5))
    study.tune.result(trial, report(1, 0.7))
    assert [one.val_accuracy for one in study.trial(trial).epochs] == [0.5]
    assert study.trial(trial).attempts[-1].worker == "here 1"
    assert study.trial(trial).running


def test_a_resumed_trial_is_told_what_is_recorded(study: Experiment, tmp_path: Path) -> None:
    """So that it reports what the record lacks."""
    study.tune.result(study.tune.begin(), report(1, 0.5))
    driver = session(Ledger(tmp_path / "ledger.jsonl"))
    assert AttemptSearcher(driver, CONSTANTS).suggest("x")["recorded"] == 1


def test_the_last_epoch_comes_through_the_callback(study: Experiment) -> None:
    """Tune doesn't ask the scheduler about a result that ends its trial; it is recorded once, with its reason."""
    trial = study.tune.begin()
    study.tune.result(trial, report(1, 0.5))
    assert study.tune.result(trial, report(2, 0.75, done=True, stop_reason="completed"))
    recorded = study.trial(trial)
    assert (recorded.stop_reason, len(recorded.epochs), len(recorded.attempts)) == (StopReason.COMPLETED, 2, 1)
    assert study.driver.searches["image"].sampler.study.trials[0].value == 0.75


def test_the_scheduler_s_stop_is_told_to_tune(study: Experiment) -> None:
    """A trial far behind the others ends as pruned, and the callback that follows says nothing else."""
    for _ in range(4):
        trial = study.tune.begin()
        study.tune.result(trial, report(1, 0.9))
        study.tune.result(trial, report(2, 0.9, done=True, stop_reason="completed"))
    trial = study.tune.begin()
    assert study.tune.result(trial, report(1, 0.1))
    assert study.trial(trial).stop_reason == StopReason.PRUNED


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_value_that_is_none_ends_the_trial(study: Experiment, value: float | None) -> None:
    """Without a reason of its own it has diverged; the record has no epoch of it, and is plain JSON."""
    trial = study.tune.begin()
    study.tune.result(trial, report(1, 0.5))
    assert study.tune.result(trial, {**report(2, 0.5), "val_accuracy": value})
    recorded = study.trial(trial)
    assert (recorded.stop_reason, len(recorded.epochs)) == (StopReason.DIVERGED, 1)
    for line in (study.ledger._file._path).read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


@pytest.mark.parametrize("reason", [StopReason.DIVERGED, StopReason.INTERRUPTED])
def test_a_trial_may_end_without_an_epoch(study: Experiment, reason: StopReason) -> None:
    """The reason and its words are on record; an interrupted one isn't over."""
    trial = study.tune.begin()
    assert study.tune.result(trial, ended_result(1, reason, "The loss is nan."))
    recorded = study.trial(trial)
    assert (recorded.stop_reason, recorded.detail) == (reason, "The loss is nan.")
    assert recorded.over == (reason == StopReason.DIVERGED)
    assert not recorded.running


def test_a_trial_out_of_memory_gets_more(tmp_path: Path) -> None:
    """The same trial comes again with a larger share, as long as there is one."""
    study = Experiment(tmp_path, search_of(resources=Resources(1, 0.5)), larger=whole_gpu)
    trial = study.tune.begin()
    study.tune.result(trial, ended_result(1, StopReason.OOM, "one sample is too much"))
    again = study.tune.begin()
    assert (trial_id_of(again), again.config["resources"]) == (trial_id_of(trial), {"CPU": 1, "GPU": 1.0})
    study.tune.result(again, ended_result(1, StopReason.OOM))
    assert study.trial(trial).stop_reason == StopReason.OOM


def whole_gpu(modality: str, resources: Resources) -> Resources | None:
    """Where the trial has less."""
    return Resources(resources.cpus, 1.0) if resources.gpus < 1 else None


def test_notes_are_recorded_line_by_line(study: Experiment) -> None:
    """With an epoch and without one, each once."""
    trial = study.tune.begin()
    study.tune.result(trial, report(1, 0.5, note="Resumed after epoch 0.\nA picture is damaged."))
    study.tune.result(trial, ended_result(2, StopReason.DIVERGED, note="The end."))
    assert study.trial(trial).notes == ["Resumed after epoch 0.", "A picture is damaged.", "The end."]


@pytest.mark.parametrize(
    ("error", "reason", "tries"),
    [
        (ActorDiedError(), StopReason.LOST, 3),
        (RayTaskError("train", "RuntimeError: a cable", RuntimeError("a cable")), StopReason.FAILED, 3),
        (RayTaskError("train", "ValueError: no", ValueError("no")), StopReason.FAILED, 1),
    ],
)
def test_an_error_is_tried_again_where_that_may_help(
    study: Experiment, error: Exception, reason: StopReason, tries: int
) -> None:
    """Twice more, the same trial; then it is over, with the error in its record."""
    for _ in range(tries):
        trial = study.tune.begin()
        study.tune.error(trial, error)
    recorded = study.trial(trial)
    assert (recorded.number, recorded.stop_reason, len(recorded.attempts)) == (0, reason, tries)
    assert recorded.error == str(error) + (f"\n{DIED}" if reason == StopReason.LOST else "")
    assert trial_id_of(study.tune.begin()) == "image_001"


def test_a_full_disk_ends_the_experiment(study: Experiment) -> None:
    """No trial failed for it."""
    full = RayTaskError("train", "OSError: No space left on device", OSError(errno.ENOSPC, "No space left on device"))
    trial = study.tune.begin()
    study.tune.error(trial, full)
    assert study.tune.suggest() == Searcher.FINISHED
    assert study.trial(trial).stop_reason == StopReason.INTERRUPTED
    assert study.driver.close() == Outcome.DISK_FULL


def test_an_error_that_can_t_be_read_back_has_its_text(tmp_path: Path) -> None:
    """Tune's own errors, and those of classes that aren't here: there is always some word."""
    trial = FakeTrial("x", {})
    assert "without a word" in str(error_of(trial))
    trial.error_file, trial.pickled_error_file = str(tmp_path / "error.txt"), str(tmp_path / "error.pkl")
    Path(trial.error_file).write_text("ThirdPartyError: odd")
    for content in (b"", b"no pickle", pickle.dumps("a text")):
        Path(trial.pickled_error_file).write_bytes(content)
        assert str(error_of(trial)) in ("ThirdPartyError: odd", "a text")


def test_someone_may_ask_for_the_end_between_two_steps(tmp_path: Path) -> None:
    """The clock and the stop file are looked at in each step of Tune's."""
    study = Experiment(tmp_path, limits=Limits(seconds=0.0))
    study.events.on_step_begin(0, [])
    assert study.tune.suggest() == Searcher.FINISHED
    assert (tmp_path / "stop").exists()
    assert study.driver.close() == Outcome.TIME_BUDGET


def test_tune_s_snapshots_carry_nothing(study: Experiment, tmp_path: Path) -> None:
    """What is pickled is empty, though driver and ledger can't be; saving and restoring does no harm."""
    for one in (study.tune.searcher, study.tune.scheduler, study.events, StopRequest(tmp_path / "x").tune_stopper()):
        assert one.__getstate__() == {}
    for one in (study.tune.searcher, study.tune.scheduler, study.events):
        assert len(pickle.dumps(one)) < 200
    trial = study.tune.begin()
    study.tune.searcher.save(str(tmp_path / "searcher.pkl"))
    assert (tmp_path / "searcher.pkl").is_file()
    study.tune.searcher.restore(str(tmp_path / "searcher.pkl"))
    study.tune.result(trial, report(1, 0.5))
    assert len(study.trial(trial).epochs) == 1


def test_a_trial_that_can_t_begin_fails_in_its_first_step(tmp_path: Path) -> None:
    """Ray would hand over a text alone of a worker that can't be made; a reused worker forgets the error before."""
    raw = {"modality": "image", "number": 0, "cpus": 1, "seed": 0, "folder": str(tmp_path), "hyperparameters": {}}
    worker = _attempts_of(TuneTrial)({**raw, "data": str(tmp_path / "missing"), "cache": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="missing"):
        worker.step()
    assert worker.reset_config({**raw, "data": str(tmp_path / "gone"), "cache": str(tmp_path)})
    with pytest.raises(FileNotFoundError, match="gone"):
        worker.step()
    worker.cleanup()
