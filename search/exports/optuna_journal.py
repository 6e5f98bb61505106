"""Optuna's own record of the trials in a journal file, computed from the ledger, for its plots and its users.

It is appended to while a study runs, and can be made anew from the ledger at any time.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from search.exports.trials_file import ended_trials
from search.ledger.events import AttemptBegan, Event, TrialEnded
from search.ledger.ledger import read_ledger
from search.ledger.state import StudyState, Trial
from search.methods.optuna_end import OUTSIDE, optuna_end
from search.space.dimensions import Space
from search.space.optuna import to_distributions, to_optuna
from search.study.config import StudyConfig
from trainables.data.files import fsync
from trainables.names import LEDGER_FILE, STOP_REASON, VAL_ACCURACY


class OptunaRecord:
    """A listener that keeps Optuna's own record in a journal file, for its plots, its dashboard and its users.

    Written one finished trial at a time and never read back by the search: a projection, not a second truth.
    """

    def __init__(self, journal: Path, study: StudyConfig) -> None:
        self._journal, self._study = journal, study
        self._studies: dict[str, optuna.Study] = {}
        self._written = {
            trial.user_attrs["trial_id"] for trials in _trials_of(journal, study).values() for trial in trials
        }
        self._outdated = False

    def heard(self, event: Event, state: StudyState) -> None:
        """An ended trial with its parameters, its val accuracy by epoch and its state."""
        if event.trial_id is None or state.trials[event.trial_id].is_head:
            return
        if isinstance(event.body, AttemptBegan):
            # Trials that go on after all: a journal only grows, so it is made anew, once for all that began together.
            self._outdated |= event.trial_id in self._written
        elif isinstance(event.body, TrialEnded):
            self._written.add(event.trial_id)
            if self._outdated:
                self._studies = {}
                rebuild_journal(
                    self._journal, self._study, ended_trials(*read_ledger(self._journal.parent / LEDGER_FILE))
                )
                self._outdated = False
            else:
                trial = state.trials[event.trial_id]
                settings = self._study.section(trial.modality).search
                self._of(trial.modality).add_trial(optuna_trial(trial, settings.space, settings.objectives))

    def _of(self, modality: str) -> optuna.Study:
        if modality not in self._studies:
            self._studies[modality] = _journal_study(self._journal, self._study, modality)
        return self._studies[modality]


def optuna_trial(trial: Trial, space: Space, objectives: Sequence[str] = (VAL_ACCURACY,)) -> FrozenTrial:
    """A trial that ended as Optuna's: of its parameters those that the space has; outside of the space it has none.

    With two objectives only complete trials have values, and none has intermediate ones: Optuna knows no others.
    """
    assert trial.stop_reason is not None  # noqa: S101
    best = trial.best
    values = None if best is None else [best.objective(name) for name in objectives]
    reports = {epoch.epoch: epoch.val_accuracy for epoch in trial.epochs} if len(objectives) == 1 else {}
    state, told = optuna_end(trial.stop_reason, values, reports, objectives=len(objectives))
    searched = {key: space[key] for key in space if key in trial.params}
    inside = trial.inside and all(searched[key].contains(trial.params[key]) for key in searched)
    return optuna.trial.create_trial(
        state=state,
        values=told,
        params=to_optuna(searched, trial.params) if inside else {},
        distributions=to_distributions(searched) if inside else {},
        intermediate_values=reports,
        user_attrs={"trial_id": trial.trial_id, STOP_REASON: trial.stop_reason.value, OUTSIDE: not inside},
    )


def rebuild_journal(journal: Path, study: StudyConfig, ended: Sequence[Trial]) -> None:
    """Make Optuna's journal anew where it differs from these trials."""
    # Left by a process that was killed while it wrote; the study has one writer, which holds the study's lock.
    Path(f"{journal}.lock").unlink(missing_ok=True)
    settings = {modality: study.section(modality).search for modality in study.modalities}
    wanted = {
        modality: [
            optuna_trial(one, its.space, its.objectives)
            for one in ended
            if one.modality == modality and not one.is_head
        ]
        for modality, its in settings.items()
    }
    there = _trials_of(journal, study)
    if all(list(map(_facts, there.get(name, ()))) == list(map(_facts, trials)) for name, trials in wanted.items()) and (
        set(there) == set(wanted)
    ):
        return
    with tempfile.TemporaryDirectory(prefix=f".{journal.name}.", dir=journal.parent) as folder:
        new = Path(folder) / journal.name
        for modality, trials in wanted.items():
            _journal_study(new, study, modality).add_trials(trials)
        fsync(new)
        new.replace(journal)
    fsync(journal.parent)


def _facts(trial: FrozenTrial) -> tuple[Any, ...]:
    """What is on record of a trial; Optuna's times of writing aren't."""
    return trial.state, trial.values, trial.params, trial.distributions, trial.intermediate_values, trial.user_attrs


def _trials_of(journal: Path, study: StudyConfig) -> dict[str, list[FrozenTrial]]:
    """A journal's trials by modality; none where there is no journal, or it is damaged or of other objectives."""
    if not journal.is_file():
        return {}
    try:
        storage = open_journal(journal)
        names = {one.study_name for one in optuna.get_all_study_summaries(storage)}
        found = {
            modality: optuna.load_study(study_name=f"{study.name}/{modality}", storage=storage)
            for modality in study.modalities
            if f"{study.name}/{modality}" in names
        }
        return {
            modality: one.trials
            for modality, one in found.items()
            if one.metric_names == _metric_names(study.section(modality).search.objectives)
        }
    except Exception:  # a damaged journal raises whatever its lines lead to; it is made anew
        logging.getLogger("binwise.optuna").info("%s is damaged.", journal)
        return {}


def _journal_study(journal: Path, study: StudyConfig, modality: str) -> optuna.Study:
    objectives = study.section(modality).search.objectives
    made = optuna.create_study(
        storage=open_journal(journal),
        study_name=f"{study.name}/{modality}",
        directions=[StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE][: len(objectives)],
        load_if_exists=True,
    )
    names = _metric_names(objectives)
    if made.metric_names != names and names is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            made.set_metric_names(names)
    return made


def _metric_names(objectives: Sequence[str]) -> list[str] | None:
    """What Optuna's plots and dashboard call the values, where there are two."""
    return list(objectives) if len(objectives) > 1 else None


def open_journal(journal: Path) -> optuna.storages.JournalStorage:
    """Optuna's storage over a journal file."""
    from optuna.storages.journal import JournalFileBackend

    logging.getLogger("optuna").setLevel(logging.WARNING)
    return optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
