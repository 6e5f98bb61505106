"""The files that others read of a study are made anew from its ledger."""

from __future__ import annotations

from pathlib import Path

from search.exports.optuna_journal import rebuild_journal
from search.exports.trials_file import ended_trials, rebuild_trials_file
from search.ledger.ledger import read_ledger
from search.study.config import StudyConfig
from search.study.yaml_file import study_of
from trainables.names import LEDGER_FILE, OPTUNA_JOURNAL, TRIALS_FILE


def rebuild(study_folder: Path, study: StudyConfig | None = None) -> None:
    """Make both files of the study anew where they differ from its ledger; a reader sees the old file or the new one.

    The caller holds the study's lock. Raises UserError where the ledger can't be read.
    """
    events, state = read_ledger(study_folder / LEDGER_FILE)
    ended = ended_trials(events, state)
    rebuild_trials_file(study_folder / TRIALS_FILE, state, ended)
    rebuild_journal(study_folder / OPTUNA_JOURNAL, study_of(state.study) if study is None else study, ended)
