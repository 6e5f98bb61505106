"""Tune's callbacks as events: each trial starts once, each epoch ends once, each trial ends once."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from search_fakes import Diary, FakeTrial, diverged_result, epochs, results

from search.events import ERROR_LENGTH, TuneEvents
from trainables.records import BEST_FOLDER, StopReason

VALUES = {"batch_size": 32, "head_learning_rate": 1e-3, "head_widths": (512, 256)}


class Tune:
    """Calls the callbacks in Tune's order."""

    def __init__(self, folder: Path, *listeners: Any) -> None:
        self.diary = Diary()
        self.events = TuneEvents("demo", "image", folder, ["batch_size"], [self.diary, *listeners])

    def trial(self, number: int = 0) -> FakeTrial:
        """A trial that started."""
        trial = FakeTrial(number, VALUES)
        self.start(trial)
        return trial

    def start(self, trial: FakeTrial) -> None:
        """Its actor began, perhaps again."""
        self.events.on_trial_start(0, [trial], trial)

    def result(self, trial: FakeTrial, result: dict[str, Any]) -> None:
        """A result; the trial keeps it afterwards, as the callbacks left it."""
        self.events.on_trial_result(0, [trial], trial, result)
        trial.last_result = result

    def complete(self, trial: FakeTrial) -> None:
        """It ended."""
        self.events.on_trial_complete(0, [trial], trial)


@pytest.fixture
def tune(tmp_path: Path) -> Tune:
    """Tune, with a diary for its listener."""
    return Tune(tmp_path)


def test_a_trial_in_our_words(tune: Tune, tmp_path: Path) -> None:
    """Start, epochs and record carry the trial's name, its searched and all its hyperparameters, and its epochs."""
    (tmp_path / "image" / "image_007" / BEST_FOLDER).mkdir(parents=True)
    trial = tune.trial(7)
    for result in results((0.4, 0.8), StopReason.COMPLETED):
        tune.result(trial, {**result, "time_total_s": 3.0, "pid": 1})
    tune.complete(trial)
    [start], [ended] = tune.diary.started, tune.diary.ended
    assert (start.trial_id, start.number, start.modality) == ("image_007", 7, "image")
    assert (start.params, start.config) == ({"batch_size": 32}, VALUES)
    assert tune.diary.epochs == [("image_007", one) for one in epochs((0.4, 0.8))]
    assert (ended.study, ended.trial_id, ended.stop_reason) == ("demo", "image_007", StopReason.COMPLETED)
    assert (ended.params, ended.config, ended.epochs) == ({"batch_size": 32}, VALUES, epochs((0.4, 0.8)))
    assert (ended.checkpoint, ended.error) == ("image/image_007/best", None)
    assert 0 <= ended.seconds < 60
    assert tune.events.ended == 1


def test_a_trial_without_a_checkpoint_names_none(tune: Tune) -> None:
    """A record names only a folder that is there."""
    trial = tune.trial()
    tune.result(trial, results((0.4,), StopReason.COMPLETED)[0])
    tune.complete(trial)
    assert tune.diary.ended[0].checkpoint is None


def test_a_restarted_trial_is_heard_once(tune: Tune) -> None:
    """Its worker died: Tune starts it again and it repeats an epoch; the listeners hear neither twice."""
    trial = tune.trial()
    first, second, third = results((0.4, 0.6, 0.8), StopReason.COMPLETED)
    tune.result(trial, first)
    tune.result(trial, second)
    tune.start(trial)
    tune.result(trial, {**second, "val_accuracy": 0.61})
    tune.result(trial, third)
    tune.complete(trial)
    tune.complete(trial)
    tune.events.on_trial_error(0, [trial], trial)
    tune.events.close()
    assert len(tune.diary.started) == 2  # the last call opened it anew: an error that Tune tells of an ended trial
    assert [result.val_accuracy for _, result in tune.diary.epochs] == [0.4, 0.6, 0.8]


def test_two_trials_are_kept_apart(tune: Tune) -> None:
    """Results of trials that run at once end up in their own records."""
    one, other = tune.trial(0), tune.trial(1)
    first, second = results((0.1, 0.2), StopReason.COMPLETED), results((0.7, 0.9), StopReason.COMPLETED)
    for mine, yours in zip(first, second, strict=True):
        tune.result(one, mine)
        tune.result(other, yours)
    tune.complete(other)
    tune.complete(one)
    assert [(r.trial_id, r.epochs) for r in tune.diary.ended] == [
        ("image_001", epochs((0.7, 0.9))),
        ("image_000", epochs((0.1, 0.2))),
    ]


def test_what_the_scheduler_stops_is_pruned(tune: Tune) -> None:
    """A last result without a reason is written into Tune's own result, where searcher and record read it."""
    trial = tune.trial()
    tune.result(trial, results((0.4,))[0])
    last = {**results((0.4, 0.3))[1], "done": True}
    tune.result(trial, last)
    assert last["stop_reason"] == "pruned"
    tune.complete(trial)
    [ended] = tune.diary.ended
    assert (ended.stop_reason, len(ended.epochs)) == (StopReason.PRUNED, 2)


def test_a_trials_own_reason_stands(tune: Tune) -> None:
    """A trial that ended by itself isn't called pruned; one that goes on has no reason yet."""
    trial = tune.trial()
    on, last = results((0.4, 0.5), StopReason.COMPLETED)
    tune.result(trial, on)
    tune.result(trial, last)
    assert "stop_reason" not in on
    assert last["stop_reason"] == "completed"


def test_a_nan_is_no_epoch(tune: Tune) -> None:
    """A loss that isn't finite ends the trial as diverged, with its detail; the epochs before it stay."""
    trial = tune.trial()
    tune.result(trial, results((0.4,))[0])
    tune.result(trial, diverged_result(2))
    tune.complete(trial)
    [ended] = tune.diary.ended
    assert (ended.stop_reason, ended.error) == (StopReason.DIVERGED, "The loss is nan.")
    assert ended.epochs == epochs((0.4,))
    assert [result.epoch for _, result in tune.diary.epochs] == [1]


def test_an_error_before_the_first_result_has_a_record(tune: Tune) -> None:
    """A trial that failed while it was built, even before Tune called it started, is on record as failed."""
    trial = FakeTrial(3, VALUES)
    trial.error = RuntimeError("Traceback ...\n" + "x" * 5000 + "\nValueError: no such layer")
    tune.events.on_trial_error(0, [trial], trial)
    [ended] = tune.diary.ended
    assert [start.trial_id for start in tune.diary.started] == ["image_003"]
    assert (ended.stop_reason, ended.epochs, ended.checkpoint) == (StopReason.FAILED, (), None)
    assert ended.error is not None
    assert ended.error.endswith("ValueError: no such layer")
    assert len(ended.error) == ERROR_LENGTH


def test_an_error_keeps_the_epochs(tune: Tune) -> None:
    """A trial that failed later keeps what it had; an error that Tune can't name is unknown."""
    trial = tune.trial()
    tune.result(trial, results((0.4,))[0])
    tune.events.on_trial_error(0, [trial], trial)
    [ended] = tune.diary.ended
    assert (ended.stop_reason, ended.epochs, ended.error) == (StopReason.FAILED, epochs((0.4,)), "unknown error")


def test_what_is_open_at_the_end_was_interrupted(tune: Tune) -> None:
    """close() ends the trials that still run, each once, and leaves the others alone."""
    ended, running, fresh = tune.trial(0), tune.trial(1), tune.trial(2)
    tune.result(ended, results((0.4,), StopReason.COMPLETED)[0])
    tune.complete(ended)
    tune.result(running, results((0.5,))[0])
    tune.events.close()
    tune.events.close()
    tune.complete(fresh)
    assert [(r.trial_id, r.stop_reason, len(r.epochs)) for r in tune.diary.ended] == [
        ("image_000", StopReason.COMPLETED, 1),
        ("image_001", StopReason.INTERRUPTED, 1),
        ("image_002", StopReason.INTERRUPTED, 0),
    ]
    assert tune.events.ended == 1  # a search with interrupted trials isn't complete


def test_a_trial_that_tune_ends_without_a_word_was_interrupted(tune: Tune) -> None:
    """Tune calls a trial complete when the study stops; without a last result it isn't completed."""
    trial = tune.trial()
    tune.result(trial, results((0.4,))[0])
    tune.complete(trial)
    assert tune.diary.ended[0].stop_reason == StopReason.INTERRUPTED


def test_pickling_drops_the_listeners(tmp_path: Path) -> None:
    """Tune's snapshots work with listeners that hold a lock; what is open goes with them, the original hears on."""
    lock = Diary()
    lock.lock = threading.Lock()  # type: ignore[attr-defined]  # no lock can be pickled
    tune = Tune(tmp_path, lock)
    trial = tune.trial()
    tune.result(trial, results((0.4,))[0])
    copy = pickle.loads(pickle.dumps(tune.events))  # noqa: S301
    trial.last_result = results((0.4, 0.5), StopReason.COMPLETED)[1]
    copy.on_trial_complete(0, [trial], trial)
    assert copy.ended == 1
    assert lock.ended == []
    tune.events.close()
    assert len(lock.ended) == 1


def test_what_a_point_sets_outside_the_space_is_among_its_params(tmp_path: Path) -> None:
    """A fixed point with another network says so in its record, else nobody could tell why it did as it did."""
    diary = Diary()
    own = {**VALUES, "backbone": "usual"}
    events = TuneEvents("demo", "image", tmp_path, ["batch_size"], [diary], own)
    for number, backbone in enumerate(("usual", "unusual")):
        trial = FakeTrial(number, {**own, "backbone": backbone})
        events.on_trial_start(0, [trial], trial)
    events.close()
    params = [record.params for record in diary.ended]
    assert "backbone" not in params[0]
    assert params[1]["backbone"] == "unusual"
    assert set(params[0]) == {"batch_size"}


def test_notes_on_the_way_are_in_the_record(tune: Tune) -> None:
    """What reports note, lines of it, is kept in order; a report without a note adds nothing."""
    trial = tune.trial()
    first, second = results((0.4, 0.6), StopReason.COMPLETED)
    tune.result(trial, {**first, "note": "Resumed after epoch 2.\nIts last state was damaged."})
    tune.result(trial, {**second, "note": ""})
    tune.complete(trial)
    assert tune.diary.ended[0].notes == ("Resumed after epoch 2.", "Its last state was damaged.")


@pytest.mark.parametrize("kept", [True, False])
def test_states_go_with_the_trial_unless_it_may_go_on(tune: Tune, tmp_path: Path, kept: bool) -> None:
    """An interrupted trial's last state stays for a resume; a completed trial keeps its best checkpoint alone."""
    folder = tmp_path / "image" / "image_000"
    for name in ("best", "last", "previous"):
        (folder / name).mkdir(parents=True)
    trial = tune.trial()
    tune.result(trial, results((0.4,), StopReason.COMPLETED)[0])
    if kept:
        tune.events.close()
    else:
        tune.complete(trial)
    assert sorted(path.name for path in folder.iterdir()) == (["best", "last", "previous"] if kept else ["best"])
