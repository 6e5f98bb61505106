"""The ledger and the state that its events fold into."""

from __future__ import annotations

from pathlib import Path

import pytest
from search_fakes import epoch

from search.ledger.body import Kind
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    Event,
    Noted,
    SessionBegan,
    SessionEnded,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Ledger, create_ledger, read_ledger
from search.ledger.state import Outcome, StudyState, state_of
from trainables.errors import UserError
from trainables.records import StopReason

CREATED = StudyCreated(study={"name": "demo"}, uid="u1", data={}, versions={"torch": "2"})
CONFIG = {"batch_size": 32, "head_widths": [512, 256]}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger whose clock counts seconds."""
    create_ledger(tmp_path / "ledger.jsonl", CREATED, 0.0)
    ticks = iter(range(1, 1000))
    return Ledger(tmp_path / "ledger.jsonl", clock=lambda: float(next(ticks)))


def begin(ledger: Ledger, number: int = 0) -> str:
    """A session with one trial that runs."""
    if not ledger.state.sessions:
        ledger.append(SessionBegan("here", 7))
    trial_id = f"image_{number:03d}"
    ledger.append(TrialCreated(number, "image", {}, CONFIG, inside=True), trial_id)
    ledger.append(AttemptBegan(1, 0.5), trial_id)
    return trial_id


def record_epoch(ledger: Ledger, trial_id: str, number: int, accuracy: float, *, stop: bool = False) -> None:
    """One epoch on record."""
    ledger.append(EpochEnded(epoch(number, accuracy), stop, worker="here 12"), trial_id)


def test_a_trial_s_life_is_folded(ledger: Ledger) -> None:
    """Epochs, attempts, times and the end are what the events say, and a reader sees the same."""
    trial_id = begin(ledger)
    record_epoch(ledger, trial_id, 1, 0.5)
    record_epoch(ledger, trial_id, 2, 0.4, stop=True)
    ledger.append(AttemptEnded(StopReason.PRUNED), trial_id)
    ledger.append(TrialEnded(StopReason.PRUNED, checkpoint="image/image_000/best", digests={"a": "b"}), trial_id)
    trial = ledger.state.trials[trial_id]
    assert trial.config["head_widths"] == (512, 256)
    assert [one.val_accuracy for one in trial.epochs] == [0.5, 0.4]
    assert trial.over
    assert (trial.stop_reason, trial.checkpoint, trial.digests) == (
        StopReason.PRUNED,
        "image/image_000/best",
        {"a": "b"},
    )
    assert trial.seconds == 3.0  # begun at 3, ended at 6
    assert trial.attempts[0].worker == "here 12"
    assert trial.record("demo").best == trial.epochs[0]
    assert ledger.state.record(trial).objectives == ("val_accuracy",)
    events, state = read_ledger(Path(ledger._file._path))
    assert [event.seq for event in events] == list(range(8))
    assert vars(state.trials[trial_id]) == vars(trial)


def test_reopened_it_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    """A ledger that is opened again has the same state, and time never runs backwards in it."""
    trial_id = begin(ledger)
    ledger.close()
    again = Ledger(tmp_path / "ledger.jsonl", clock=lambda: -5.0)
    record_epoch(again, trial_id, 1, 0.5)
    assert again.state.trials[trial_id].times == [3.0]
    assert state_of(again.state.trials[trial_id]) == "running"


def test_an_interrupted_trial_goes_on(ledger: Ledger) -> None:
    """Interrupted isn't over: a new attempt makes it run again, and its old end is gone."""
    trial_id = begin(ledger)
    ledger.append(AttemptEnded(StopReason.INTERRUPTED, retry=True), trial_id)
    ledger.append(TrialEnded(StopReason.INTERRUPTED), trial_id)
    trial = ledger.state.trials[trial_id]
    assert not trial.over
    assert [one.trial_id for one in ledger.state.open_trials()] == [trial_id]
    ledger.append(AttemptBegan(1, 0), trial_id)
    assert trial.running
    assert trial.stop_reason is None
    assert trial.failed_attempts == 0


def test_failures_in_a_row_are_this_session_s(ledger: Ledger) -> None:
    """A trial that ended well, and a new session, begin the count anew."""
    ends = (StopReason.FAILED, StopReason.COMPLETED, StopReason.LOST, StopReason.FAILED)
    for number, reason in enumerate(ends):
        ledger.append(TrialEnded(reason), begin(ledger, number))
    assert ledger.state.failed_in_a_row((StopReason.FAILED, StopReason.LOST)) == 2
    ledger.append(SessionEnded(Outcome.FAILING))
    assert ledger.state.outcome == Outcome.FAILING
    ledger.append(SessionBegan("here", 8))
    assert ledger.state.failed_in_a_row((StopReason.FAILED, StopReason.LOST)) == 0
    assert ledger.state.outcome is None


def test_time_between_sessions_doesn_t_count(ledger: Ledger, tmp_path: Path) -> None:
    """A killed session lasted to its last event; what a running one has had since counts only where it is asked."""
    begin(ledger)  # from 1 to 3
    ledger.close()
    ledger = Ledger(tmp_path / "ledger.jsonl", clock=lambda: 100.0)
    ledger.append(SessionBegan("here", 8))
    assert ledger.state.seconds == 2.0
    assert ledger.state.seconds_until_now(110.0) == 12.0


def test_an_epoch_twice_is_our_own_fault(ledger: Ledger) -> None:
    """Each epoch once and in order: whoever appends another one has a bug."""
    trial_id = begin(ledger)
    record_epoch(ledger, trial_id, 1, 0.5)
    with pytest.raises(AssertionError, match="once"):
        record_epoch(ledger, trial_id, 1, 0.5)


def test_a_listener_s_error_stops_nothing(ledger: Ledger) -> None:
    """What is computed from the ledger can be computed again: the event is on record and the others hear of it."""
    heard: list[Kind] = []

    class Broken:
        def heard(self, event: Event, state: StudyState) -> None:
            raise OSError("no room")

    class Whole:
        def heard(self, event: Event, state: StudyState) -> None:
            heard.append(event.kind)

    ledger.listeners += [Broken(), Whole()]
    begin(ledger)
    assert heard == [Kind.SESSION_BEGAN, Kind.TRIAL_CREATED, Kind.ATTEMPT_BEGAN]


def test_a_gap_is_refused(tmp_path: Path) -> None:
    """An event that is missing in both copies is named."""
    from search.ledger.lines import create_lines

    raw = [Event(0, 0.0, CREATED), Event(2, 1.0, Noted("The one before is missing."), "image_000")]
    create_lines(tmp_path / "ledger.jsonl", [event.to_json() for event in raw])
    with pytest.raises(UserError, match="line 2 is damaged"):
        read_ledger(tmp_path / "ledger.jsonl")


def test_no_ledger_is_one_message(tmp_path: Path) -> None:
    """Without the file there is no study."""
    with pytest.raises(UserError, match="run the study first"):
        read_ledger(tmp_path / "ledger.jsonl")


def test_a_ledger_is_read_from_its_copy(ledger: Ledger, tmp_path: Path) -> None:
    """Where the file itself is gone, readers see the other one, and the writer makes it again."""
    path = ledger._file._path
    begin(ledger)
    content = path.read_bytes()
    path.unlink()
    assert read_ledger(path)[1].next_seq == ledger.state.next_seq
    assert not path.exists()
    Ledger(path)
    assert path.read_bytes() == content
