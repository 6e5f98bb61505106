"""Optuna's own record of a study's trials."""

from __future__ import annotations

from pathlib import Path

import optuna
from export_fakes import journal_trials, listened, read
from search_fakes import SPACE, searching, study
from tracking_fakes import attempt, begin, finish, new_study, whole_trial

from search.exports.optuna_journal import open_journal
from search.exports.rebuild import rebuild
from search.ledger.events import TrialCreated
from search.methods.optuna_end import OUTSIDE
from trainables.records import StopReason


def test_parameters_that_a_trial_does_not_have_are_left_out(tmp_path: Path) -> None:
    """A conditional parameter that wasn't active has no value; a point outside of the space has no parameters."""
    config, layout, ledger = new_study(tmp_path)
    listened(config, layout, ledger)
    begin(ledger)
    for number, (params, inside) in enumerate(
        [({"batch_size": 32, "depth": 3}, True), ({"batch_size": 32}, False), ({"batch_size": 17}, True)]
    ):
        trial_id = f"image_{number:03d}"
        ledger.append(TrialCreated(number, "image", params, params, inside), trial_id)
        attempt(ledger, trial_id, (0.5,))
        finish(ledger, trial_id, "completed")
    trials = journal_trials(layout)
    assert [trial.params for trial in trials] == [{"batch_size": 32}, {}, {}]
    assert [trial.user_attrs[OUTSIDE] for trial in trials] == [False, True, True]


TWO = {"search": {"space": SPACE, "objectives": ["val_accuracy", "size"], "scheduler": {"name": "none"}}}


def test_with_two_objectives_optuna_has_both_values(tmp_path: Path) -> None:
    """Complete trials have val accuracy, to be high, and size, to be low; nothing else has values; names are kept."""
    config, layout, ledger = new_study(tmp_path, image=TWO)
    listened(config, layout, ledger)
    begin(ledger)
    for number, reason in enumerate(StopReason):
        whole_trial(ledger, number, (0.5, 0.8, 0.7), reason.value)
    there = optuna.load_study(study_name="demo/image", storage=open_journal(layout.optuna_journal))
    assert [direction.name for direction in there.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert there.metric_names == ["val_accuracy", "size"]
    assert [trial.values for trial in there.trials] == [[0.8, 0.0], *[None] * (len(StopReason) - 1)]
    assert not any(trial.intermediate_values for trial in there.trials)
    assert [trial.number for trial in there.best_trials] == [0]
    assert {one.objectives for one in read(layout)} == {("val_accuracy", "size")}
    before = layout.optuna_journal.read_bytes()
    rebuild(layout.folder)
    assert layout.optuna_journal.read_bytes() == before


def test_a_journal_of_other_objectives_is_made_anew(tmp_path: Path) -> None:
    """One that was kept for val accuracy alone doesn't stay where the study has two objectives."""
    config, layout, ledger = new_study(tmp_path, image=TWO)
    rebuild(layout.folder, config.model_copy(update={"image": study(tmp_path, image=searching()).image}))
    listened(config, layout, ledger)
    begin(ledger)
    whole_trial(ledger, 0, (0.5,), "completed")
    assert [trial.values for trial in journal_trials(layout)] == [[0.5, 0.0]]
