"""The linear baseline: logistic regression on features that nobody trained for the task.

Minutes of tuning must beat seconds of this, or they weren't worth it; so it stands in every report.
"""

from __future__ import annotations

import time

import numpy as np

from trainables.data.samples import Split
from trainables.records import Predictions

LOWEST = -50.0  # log-probability


def linear_predictions(model: object, inputs: object, split: Split) -> Predictions:
    """What a fitted scikit-learn classifier says of a split: log-probabilities as logits.

    A class that train lacks gets the lowest.
    """
    began = time.perf_counter()
    log_probabilities = model.predict_log_proba(inputs)  # type: ignore[attr-defined]
    seconds = time.perf_counter() - began
    logits = np.full((len(split.ids), len(split.classes)), LOWEST, dtype=np.float32)
    logits[:, model.classes_] = np.maximum(log_probabilities, LOWEST)  # type: ignore[attr-defined]
    return Predictions(split.ids, logits, split.labels, split.classes, seconds / max(len(split.ids), 1))
