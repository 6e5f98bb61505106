"""`trials.jsonl` and Optuna's journal beside each other: appended to and made anew, they say what the ledger says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from export_fakes import journal_trials, listened, read
from tracking_fakes import attempt, begin, create, end, finish, live, new_study, open_ledger, whole_trial

from search.exports.rebuild import rebuild
from search.methods.optuna_end import OUTSIDE
from search.space.optuna import to_optuna
from trainables.records import StopReason

NAN = float("nan")
STATES = {"completed": "COMPLETE", "pruned": "PRUNED"}


def test_files_agree_with_the_records(tmp_path: Path) -> None:
    """Every end has its line and its state, value, reports and parameters, in the order in which they ended."""
    config, layout, ledger = new_study(tmp_path)
    listened(config, layout, ledger)
    begin(ledger)
    for number, reason in enumerate(StopReason):
        accuracies = () if reason == StopReason.LOST else (0.5, 0.8, 0.7)
        whole_trial(ledger, number, accuracies, reason.value, error="Traceback\u2028\nno" if number > 2 else None)
    records, trials = read(layout), journal_trials(layout)
    assert records == [ledger.state.record(trial) for trial in ledger.state.trials.values()]
    space = config.image.search.space
    for one, trial in zip(records, trials, strict=True):
        assert trial.state.name == STATES.get(one.stop_reason.value, "FAIL")
        assert trial.value == {"COMPLETE": 0.8, "PRUNED": 0.7, "FAIL": None}[trial.state.name]
        assert trial.intermediate_values == {e.epoch: e.val_accuracy for e in one.epochs}
        assert trial.user_attrs == {"trial_id": one.trial_id, "stop_reason": one.stop_reason.value, OUTSIDE: False}
        assert trial.params == to_optuna(space, one.params)
    assert NAN not in [value for trial in trials for value in trial.intermediate_values.values()]
    assert journal_trials(layout, "text") == []


def test_a_trial_that_goes_on_has_no_line_until_it_ends_again(tmp_path: Path) -> None:
    """Over a resume each trial is there once: the interrupted end vanishes, and comes again at its new place."""
    config, layout, ledger = new_study(tmp_path)
    listened(config, layout, ledger)
    begin(ledger)
    whole_trial(ledger, 0, (0.5,), "interrupted")
    whole_trial(ledger, 1, (0.6,), "completed")
    whole_trial(ledger, 2, (0.6,), "interrupted")
    end(ledger, "interrupted")
    ledger.close()
    ledger = open_ledger(layout)
    listened(config, layout, ledger)
    begin(ledger)
    attempt(ledger, "image_000", (0.7,))
    attempt(ledger, "image_002", (0.7,))
    assert [one.trial_id for one in read(layout)] == ["image_001"]
    finish(ledger, "image_002", "completed")
    finish(ledger, "image_000", "pruned")
    assert [one.trial_id for one in read(layout)] == ["image_001", "image_002", "image_000"]
    assert [len(one.epochs) for one in read(layout)] == [1, 2, 2]
    trials = journal_trials(layout)
    assert [(one.user_attrs["trial_id"], one.state.name) for one in trials] == [
        ("image_001", "COMPLETE"),
        ("image_002", "COMPLETE"),
        ("image_000", "PRUNED"),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_rebuilt_they_are_what_was_appended(tmp_path: Path, seed: int) -> None:
    """Listening and computing anew give the same; where nothing differs the files stay as they are."""
    config, layout, ledger = new_study(tmp_path)
    for session in range(2):
        listened(config, layout, ledger)
        live(ledger, seed=10 * seed + session)
        left = create(ledger, 900 + session)
        attempt(ledger, left, (0.5,))
        finish(ledger, left, "interrupted")
        end(ledger, "interrupted")
        ledger.close()
        ledger = open_ledger(layout)
    files = (layout.trials_file, layout.optuna_journal)
    before = [(path.read_bytes(), os.stat(path).st_ino) for path in files]
    rebuild(layout.folder)
    assert [(path.read_bytes(), os.stat(path).st_ino) for path in files] == before


@pytest.mark.parametrize("damage", ["gone", "", "half", "noise"])
def test_damaged_files_are_made_anew(tmp_path: Path, damage: str) -> None:
    """Whatever became of them, and with a lock that a killed process left; nothing temporary stays behind."""
    config, layout, ledger = new_study(tmp_path)
    listened(config, layout, ledger)
    live(ledger, seed=1)
    records, trials = read(layout), journal_trials(layout)
    for path in (layout.trials_file, layout.optuna_journal):
        content = path.read_bytes()
        kept = {"": b"", "half": content[: len(content) // 2], "noise": content[:50] + b"\xff{" + content[50:]}
        path.unlink() if damage == "gone" else path.write_bytes(kept[damage])
    os.symlink(layout.optuna_journal, f"{layout.optuna_journal}.lock")
    rebuild(layout.folder)
    assert read(layout) == records
    assert [(t.state, t.value, t.params) for t in journal_trials(layout)] == [
        (t.state, t.value, t.params) for t in trials
    ]
    own = {"study.yaml", "data.jsonl.gz", "ledger.jsonl", "ledger.mirror.jsonl", "trials.jsonl", "optuna.journal"}
    assert {path.name for path in layout.folder.iterdir()} == own
