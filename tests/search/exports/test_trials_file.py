"""The lines of `trials.jsonl`: one a trial that ended."""

from __future__ import annotations

from pathlib import Path

from export_fakes import read
from tracking_fakes import attempt, begin, create, finish, new_study, whole_trial

from search.exports.trials_file import TrialsFile, ended_trials, rebuild_trials_file
from search.ledger.ledger import read_ledger


def test_a_line_is_there_when_its_trial_has_ended(tmp_path: Path) -> None:
    """At once, in the order of the ends; a trial that runs has none."""
    _, layout, ledger = new_study(tmp_path)
    ledger.listeners = [TrialsFile(layout.trials_file)]
    begin(ledger)
    running = create(ledger, 0)
    attempt(ledger, running, (0.5,))
    assert not layout.trials_file.exists()
    whole_trial(ledger, 1, (0.6,), "pruned")
    assert [one.trial_id for one in read(layout)] == ["image_001"]
    finish(ledger, running, "completed")
    assert [one.trial_id for one in read(layout)] == ["image_001", "image_000"]
    assert [one.trial_id for one in ended_trials(*read_ledger(layout.ledger_file))] == ["image_001", "image_000"]


def test_an_attempt_takes_its_trial_s_line_away(tmp_path: Path) -> None:
    """A trial that goes on after all has no line, whoever wrote it; the others' stay as they are."""
    _, layout, ledger = new_study(tmp_path)
    begin(ledger)
    for number in range(3):
        whole_trial(ledger, number, (0.5,), "interrupted")
    rebuild_trials_file(layout.trials_file, ledger.state, list(ledger.state.trials.values()))
    first, _, last = layout.trials_file.read_text("utf-8").splitlines()
    ledger.listeners = [TrialsFile(layout.trials_file)]
    attempt(ledger, "image_001", (0.6,))
    assert layout.trials_file.read_text("utf-8").splitlines() == [first, last]
    finish(ledger, "image_001", "completed")
    assert [len(one.epochs) for one in read(layout)] == [1, 1, 2]


def test_a_file_that_is_right_stays_as_it_is(tmp_path: Path) -> None:
    """It isn't written again; one that differs is replaced as a whole."""
    _, layout, ledger = new_study(tmp_path)
    begin(ledger)
    whole_trial(ledger, 0, (0.5,), "completed")
    ended = list(ledger.state.trials.values())
    rebuild_trials_file(layout.trials_file, ledger.state, ended)
    before = layout.trials_file.stat().st_ino, layout.trials_file.read_bytes()
    rebuild_trials_file(layout.trials_file, ledger.state, ended)
    assert (layout.trials_file.stat().st_ino, layout.trials_file.read_bytes()) == before
    layout.trials_file.write_bytes(before[1][:20])
    rebuild_trials_file(layout.trials_file, ledger.state, ended)
    assert layout.trials_file.read_bytes() == before[1]
