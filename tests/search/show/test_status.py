"""Where a study stands, by its record."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ledger_fakes import T0, Told, study_config

from search.ledger.clock import Moment
from search.ledger.events import AttemptBegan, Noted, SessionBegan, StudyCreated, TrialCreated
from search.ledger.ledger import Lag, Ledger, create_ledger, read_ledger
from search.ledger.state import Outcome
from search.methods.stopping import Rung
from search.show.status import last_line, status_of
from search.show.views import json_line
from search.study.lock import Holder

HOLDER = Holder("node", 41, T0)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """A study with a session."""
    told = Told(tmp_path)
    told.session()
    return told


@pytest.mark.parametrize(
    ("outcome", "words", "command"),
    [
        (Outcome.FINISHED, "finished", "binwise analyze garbage"),
        (Outcome.TARGET, "target", "binwise analyze garbage"),
        (Outcome.TIME_BUDGET, "time budget", "binwise analyze garbage"),
        (Outcome.INTERRUPTED, "interrupted", "binwise resume garbage"),
        (Outcome.FAILING, "failing", "binwise resume garbage"),
        (Outcome.DISK_FULL, "disk full", "binwise resume garbage"),
        (Outcome.FAILED, "failed", "binwise resume garbage"),
    ],
)
def test_a_session_s_end_is_the_study_s_state(told: Told, outcome: Outcome, words: str, command: str) -> None:
    """With the reason that is on record, and the command that makes sense after it."""
    told.wait(30)
    told.begin("image_000")
    told.epochs("image_000", [0.5], seconds=0)
    told.end_session(outcome, "as it was told")
    status = status_of(told.state, told.now + 1000, None)
    assert (status.words, status.detail, status.elapsed) == (words, "as it was told", 30)
    assert status.next[0] == command
    assert not status.is_running


def test_a_budget_that_ends_before_the_first_epoch_is_to_be_raised(told: Told) -> None:
    """There is nothing to analyze yet, and to resume it as it is would end at once."""
    told.begin("image_000")
    told.end_session(Outcome.TIME_BUDGET)
    status = status_of(told.state, told.now, None)
    assert status.next == ("binwise search STUDY.yaml --resume --set time_budget=1h",)


def test_a_night_asleep_is_no_time_of_the_study(tmp_path: Path) -> None:
    """Nor of the trial that runs: seen by another process after the next event, and by who runs it at once."""
    create_ledger(tmp_path / "ledger.jsonl", StudyCreated(study=study_config(), uid="u", data={}, versions={}), T0)
    moment = Moment(T0, 0.0, 0.0)
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=lambda: moment)
    ledger.append(SessionBegan("node", 41))
    ledger.append(TrialCreated(0, "image", {}, {"max_epochs": 4}, inside=True), "image_000")
    ledger.append(AttemptBegan(1, 0), "image_000")
    moment = Moment(T0 + 30_060, 60.0, 30_060.0)
    at_once = status_of(ledger.state, ledger.now(), HOLDER)
    assert (at_once.elapsed, at_once.running[0].seconds) == (60, 60)
    ledger.append(Noted("good morning"), "image_000")
    later = status_of(read_ledger(tmp_path / "ledger.jsonl")[1], moment.wall + 10, HOLDER)
    assert (later.elapsed, later.running[0].seconds) == (70, 70)


def test_a_session_without_an_end_runs_or_was_killed(told: Told) -> None:
    """Whoever holds the study's lock makes the difference. A killed one's time ends with its last event."""
    told.begin("image_000")
    told.epochs("image_000", [0.5])
    running, killed = (status_of(told.state, told.now + 100, holder) for holder in (HOLDER, None))
    assert running.words == "running on node, process 41"
    assert (running.host, running.pid, running.elapsed) == ("node", 41, 110)
    assert running.next == ("binwise status garbage --watch", "binwise stop garbage")
    assert (killed.words, killed.elapsed, killed.running, killed.seconds_left) == ("killed", 10, (), None)
    assert killed.next == ("binwise resume garbage",)


def test_before_the_first_session(tmp_path: Path) -> None:
    """Nothing has begun, everything is waiting."""
    status = status_of(Told(tmp_path).state, T0, None)
    assert (status.words, status.sessions, status.running, status.last_error) == ("not begun", 0, (), None)
    assert [modality.states for modality in status.modalities] == [{"waiting": 6}, {"waiting": 4}]


def test_trials_are_counted_by_state(told: Told) -> None:
    """Every planned trial is in one state; interrupted ones and those that don't exist yet wait."""
    told.run("image_000", [0.5, 0.7, 0.7])
    told.run("image_001", [0.4], "pruned")
    told.begin("image_002")
    told.end("image_002", "interrupted")
    told.begin("image_003")
    image, text = status_of(told.state, told.now, HOLDER).modalities
    assert image.states == {"running": 1, "completed": 1, "pruned": 1, "waiting": 3}
    assert (image.done, image.planned, sum(image.states.values())) == (2, 6, 6)
    assert image.best is not None
    assert (image.best.trial, image.best.epoch, image.best.val_accuracy) == ("image_000", 2, 0.7)
    assert (text.states, text.best, text.done) == ({"waiting": 4}, None, 0)


def test_of_equally_good_trials_the_first_is_the_best(told: Told) -> None:
    """As in the report; a val accuracy of 0 is a value."""
    told.run("image_000", [0.0])
    assert status_of(told.state, told.now, None).modalities[0].best is not None
    told.run("image_001", [0.5])
    told.run("image_002", [0.5])
    best = status_of(told.state, told.now, None).modalities[0].best
    assert best is not None
    assert best.trial == "image_001"


def test_a_running_trial_says_how_far_it_is(told: Told) -> None:
    """Epochs, the last and the best val accuracy, its attempt, what it was given and how long it has run."""
    told.begin("image_000", cpus=3, gpus=0.5)
    told.epochs("image_000", [0.6, 0.5])
    told.wait(5)
    (trial,) = status_of(told.state, told.now, HOLDER).running
    assert (trial.trial, trial.epoch, trial.max_epochs, trial.attempt) == ("image_000", 2, 4, 1)
    assert (trial.val_accuracy, trial.best_val_accuracy, trial.seconds) == (0.5, 0.6, 25)
    assert (trial.cpus, trial.gpus, trial.gpu_utilization) == (3, 0.5, 0)


def test_the_last_error_is_the_latest_of_all_attempts(told: Told) -> None:
    """Of one that is tried again too; in one line."""
    told.begin("image_000")
    told.fail("image_000", "failed", "Traceback\nValueError: no such layer\n\n", retry=False)
    told.wait(1)
    told.begin("text_000")
    told.fail("text_000", "lost", "The actor died.\n", retry=True)
    error = status_of(told.state, told.now, HOLDER).last_error
    assert error is not None
    assert (error.trial, error.line, error.at) == ("text_000", "The actor died.", told.now)
    assert last_line(" \n\n") == "no error is known"


def test_everything_is_plain_values(told: Told) -> None:
    """`status --json`: strict JSON, rungs and the tracking's lag in it, a running trial's numbers too."""
    told.run("image_000", [0.5])
    told.begin("image_001")
    rungs = {"image": [Rung(3, 0, 2, None), Rung(9, 0, 1, 0.75)]}
    status = status_of(told.state, told.now, HOLDER, Lag(3, 1.5, "refused"), rungs)
    raw = json.loads(json_line(status.as_dict()))
    assert raw["state"] == "running"
    assert raw["modalities"][0]["rungs"][1] == {"epoch": 9, "bracket": 0, "entries": 1, "cutoff": 0.75}
    assert (raw["modalities"][0]["done"], raw["modalities"][1]["done"]) == (1, 0)
    assert raw["lag"] == {"events_behind": 3, "seconds_behind": 1.5, "last_error": "refused"}
    assert raw["running"][0]["trial"] == "image_001"
    assert raw["seconds_left"] is None


def test_a_time_budget_bounds_the_time_left(tmp_path: Path) -> None:
    """As the study's config has it, before any trial has ended."""
    told = Told(tmp_path, {**study_config(), "time_budget": "30min"})
    told.session()
    assert status_of(told.state, told.now + 60, HOLDER).seconds_left == 1740
    assert status_of(told.state, told.now + 60, None).seconds_left is None
