"""Whether the checkpoints are those that the trials left and that were selected."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.files import file_sha256
from analysis.numbers.logits import missing_rows
from analysis.numbers.selection import best_epoch
from analysis.results import Selection
from trainables.errors import UserError
from trainables.records import Predictions, TrialRecord


def check_reproduced(record: TrialRecord, predictions: Predictions) -> None:
    """Raises RuntimeError where a trial's checkpoint doesn't get the val accuracy that the trial recorded.

    Samples that lack the modality, rows of NaN, don't count.
    """
    there = ~missing_rows(predictions.logits)
    found = float(np.mean(predictions.logits[there].argmax(axis=1) == predictions.labels[there]))
    expected, allowed = best_epoch(record).val_accuracy, _allowed(int(there.sum()))
    if not abs(found - expected) <= allowed:
        raise RuntimeError(
            f"The checkpoint of {record.trial_id} must reproduce the val accuracy of its trial within {allowed:.4f}, "
            f"but got {found:.4f} instead of {expected:.4f}: the val data or the checkpoint changed since the trial."
        )


def check_kept_logits(record: TrialRecord, kept: NDArray[np.float32], predictions: Predictions) -> None:
    """Compare val predictions with `kept`, the val logits (N, C) that lie with the trial's checkpoint, in one order.

    Raises RuntimeError where they decide on other classes for more samples than another device may flip, or where the
    shapes differ.
    """
    if kept.shape != predictions.logits.shape:
        raise RuntimeError(
            f"The val logits of {record.trial_id} must have the shape {predictions.logits.shape}, but have "
            f"{kept.shape}: the val data changed since the trial."
        )
    there = ~missing_rows(predictions.logits)
    differing = float(np.mean(kept[there].argmax(axis=1) != predictions.logits[there].argmax(axis=1)))
    allowed = _allowed(int(there.sum()))
    if differing > allowed:
        raise RuntimeError(
            f"The checkpoint of {record.trial_id} must decide as the val logits beside it do but for a share of "
            f"{allowed:.4f} of the samples, but {differing:.4f} differ: the val data or the checkpoint changed since "
            "the trial."
        )


def check_checkpoints(study_folder: Path, selection: Selection) -> None:
    """Raises UserError where a selected model's file isn't the one that was selected."""
    for model in selection.chosen.by_trial().values():
        for name, expected in model.checkpoint_sha256.items():
            path = study_folder / model.checkpoint / name
            if file_sha256(path) != expected:
                raise UserError(
                    f"{path} must be the file that was selected, but its SHA-256 differs from selection.json. "
                    "Restore the file, or analyze the study again before the test is opened."
                )


def _allowed(samples: int) -> float:
    return 1e-3 + 1 / samples  # the same weights on another device may flip a sample
