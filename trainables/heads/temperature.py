"""How sure logits may be: one factor for all of them, fitted on predictions of samples that the model didn't see."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

Array = NDArray[np.floating]
_RANGE = (-6.0, 6.0)  # of the factor's logarithm


def log_loss(logits: Array, labels: NDArray[np.int64]) -> float:
    """The mean negative log-probability of the true classes; logits (N, C), labels (N,)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def best_factor(logits: Array, labels: NDArray[np.int64]) -> float:
    """The factor by which the logits (N, C) have the least log loss: 1 / temperature (Guo et al. 2017, 1706.04599).

    The loss is convex in the factor, so that the search over a range of its logarithm finds the one minimum.
    """
    found = minimize_scalar(
        lambda power: log_loss(logits * np.exp(power), labels), bounds=_RANGE, method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(found.x))
