"""What every model that the report shows says of a split, from the predictions that were kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.logits import missing_rows
from analysis.numbers.mixture import mix
from analysis.results import Selection
from trainables.names import ENSEMBLE, FUSED
from trainables.records import Predictions
from trainables.runtime.fusion import divisors


def model_logits(
    selection: Selection, predictions: Mapping[str, Predictions], ensemble: Predictions | None
) -> dict[str, NDArray[np.float64]]:
    """Logits (N, C) by model, fusion and ensemble, at their temperatures; rows of NaN where a model's input is lacking.

    Their chances are those that `binwise predict` gives.

    The predictions, by modality and of the ensemble where it is deployed, must be of one split in one order.
    """
    logits = {modality: one.logits.astype(np.float64) for modality, one in predictions.items()}
    present = {modality: ~missing_rows(own) for modality, own in logits.items()}
    alone = {modality: selection.row_temperature(modality) for modality in logits}
    found = {modality: own / alone[modality] for modality, own in logits.items()}
    if selection.fusion is not None:
        mixed = mix(logits, selection.fusion.weights)
        found[FUSED] = mixed / divisors(present, {**alone, FUSED: selection.row_temperature(FUSED)}, FUSED)
        if selection.linear is not None:
            richer = selection.linear.logits(logits, mixed)
            found[selection.system] = richer / divisors(present, selection.temperatures, selection.system)
    if ensemble is not None:
        own = ensemble.logits.astype(np.float64)
        found[ENSEMBLE] = own / divisors(present, selection.temperatures, ENSEMBLE)
    return found
