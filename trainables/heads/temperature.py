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

    A share of 1 / (N + 1) of each sample counts as of any class: where all N are told right, the next one may yet be
    wrong, so that no logit grows without bound (the smoothed targets of Platt 1999, over all samples).
    The loss is convex in the factor, so that the search over a range of its logarithm finds the one minimum.
    """
    any_class = 1 / (len(labels) + 1)

    def loss(power: float) -> float:
        chances = log_softmax(logits * np.exp(power), axis=1)
        told = chances[np.arange(len(labels)), labels].mean()
        return float(-(1 - any_class) * told - any_class * chances.mean())

    found = minimize_scalar(loss, bounds=_RANGE, method="bounded", options={"xatol": 1e-3})
    return float(np.exp(found.x))


def calibrated(logits: Array, labels: NDArray[np.int64]) -> tuple[float, float]:
    """The log loss of the logits (N, C) at their best factor, and the factor."""
    factor = best_factor(logits, labels)
    return log_loss(logits * factor, labels), factor
