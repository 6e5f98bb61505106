"""Another study's trials, for a sampler to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search.ledger.ledger import read_ledger
from search.ledger.state import Trial
from search.space.conditions import active
from search.space.dimensions import Space
from search.study.config import StudyConfig
from search.study.folder import find_study
from trainables.errors import UserError
from trainables.names import LEDGER_FILE
from trainables.records import StopReason

TAUGHT = (StopReason.COMPLETED, StopReason.PRUNED)


def warm_trials(other: str, study: StudyConfig, runs: Path) -> dict[str, Any]:
    """What the study's samplers can learn from another one, as plain values for the ledger.

    Those of its completed and pruned trials whose searched values lie in this study's space. Raises UserError where the
    other study isn't there, or has no such trial.
    """
    folder = find_study(other, runs)
    state = read_ledger(folder / LEDGER_FILE)[1]
    found = {
        modality: [
            _taught(trial, study.section(modality).search.space)
            for trial in state.of(modality)
            if not trial.is_head
            and trial.stop_reason in TAUGHT
            and trial.epochs
            and _inside(trial, study.section(modality).search.space)
        ]
        for modality in study.modalities
    }
    if not any(found.values()):
        raise UserError(
            f"A study learns from another one on the same space, but {other!r} has no completed or pruned trial whose "
            f"values lie in the space of {study.name!r}: leave --warm-start out, or name another study."
        )
    return {"from": state.name, "uid": state.uid, "trials": found}


def _inside(trial: Trial, space: Space) -> bool:
    searched = active(space, trial.config)
    return bool(space) and all(key in trial.config and space[key].contains(trial.config[key]) for key in searched)


def _taught(trial: Trial, space: Space) -> dict[str, Any]:
    assert trial.stop_reason is not None and trial.best is not None  # noqa: S101, PT018
    return {
        "trial_id": trial.trial_id,
        "stop_reason": trial.stop_reason.value,
        "values": {key: trial.config[key] for key in active(space, trial.config)},
        "accuracies": {str(epoch.epoch): epoch.val_accuracy for epoch in trial.epochs},
        "best": trial.best.as_metrics(),
    }
