"""What the trials of a study have in common, as their workers are given it. No Ray here: one may run a trial alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from search.study.config import StudyConfig
from search.study.folder import Layout
from trainables.worker import raw_trial


def trial_constants(study: StudyConfig, modality: str, layout: Layout, prepared: Mapping[str, Any]) -> dict[str, Any]:
    """What every trial of a modality is given beside its hyperparameters. The test split isn't in it."""
    return {
        raw_trial.MODALITY: modality,
        raw_trial.DATA: str(layout.data_file),
        raw_trial.CACHES: str(layout.caches),
        raw_trial.PIXEL_LIMIT: study.data.pixel_limit,
        raw_trial.DECODE: study.data.decode,
        raw_trial.PREPARED: prepared,
        raw_trial.FOLDER: str(layout.folder / modality),
        raw_trial.SEED: study.seed,
        raw_trial.STOP_FILE: str(layout.stop_file),
        raw_trial.PIN: True,
    }
