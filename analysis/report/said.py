"""What every model that the report shows says of a split, from the predictions that were kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.mixture import mix
from analysis.results import Selection
from trainables.names import ENSEMBLE, FUSED
from trainables.records import Predictions


def model_logits(
    selection: Selection, predictions: Mapping[str, Predictions], ensemble: Predictions | None
) -> dict[str, NDArray[np.float64]]:
    """Logits (N, C) by model, fusion and ensemble; rows of NaN where a sample lacks the model's input.

    The predictions, by modality and of the ensemble where it is deployed, must be of one split in one order.
    """
    logits = {modality: one.logits.astype(np.float64) for modality, one in predictions.items()}
    if selection.fusion is not None:
        own, logits[FUSED] = dict(logits), mix(logits, selection.fusion.weights)
        if selection.linear is not None:
            logits[selection.system] = selection.linear.logits(own, logits[FUSED])
    if ensemble is not None:
        logits[ENSEMBLE] = ensemble.logits.astype(np.float64)
    return logits
