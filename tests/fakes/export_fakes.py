"""The files that others read of a study: kept as a session keeps them, and read as others read them."""

from __future__ import annotations

import optuna
from optuna.trial import FrozenTrial

from search.exports.optuna_journal import OptunaRecord, open_journal
from search.exports.rebuild import rebuild
from search.exports.trials_file import TrialsFile
from search.ledger.ledger import Ledger
from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.records import TrialRecord


def listened(config: StudyConfig, layout: Layout, ledger: Ledger) -> None:
    """As the runner does it: made anew, then listened to."""
    rebuild(layout.folder, config)
    ledger.listeners = [TrialsFile(layout.trials_file), OptunaRecord(layout.optuna_journal, config)]


def read(layout: Layout) -> list[TrialRecord]:
    """As the analysis reads it."""
    return [TrialRecord.from_json(line) for line in layout.trials_file.read_text("utf-8").splitlines()]


def journal_trials(layout: Layout, modality: str = "image") -> list[FrozenTrial]:
    """As Optuna's users read it."""
    return optuna.load_study(study_name=f"demo/{modality}", storage=open_journal(layout.optuna_journal)).trials
