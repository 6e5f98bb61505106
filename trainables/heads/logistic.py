"""Multinomial logistic regression on frozen features and n-grams side by side."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from trainables.heads.inputs import HeadInputs
from trainables.heads.kernel_ridge import Between, landmarks_of
from trainables.heads.kernels import Matrix
from trainables.heads.temperature import best_factor, calibrated

STRENGTHS = (1.0, 10.0, 100.0)  # C: the inverse of the regularization
STEPS = 200  # of the solver at most: one that hasn't converged by then predicts no worse
CHOOSING = 4000  # samples by which the strength is chosen at most
LOWEST = -50.0  # logit of a class that a fit didn't see

Features = Any  # (N, D) an array, or a sparse matrix where there are n-grams


@dataclass(frozen=True)
class Logistic:
    """A fitted one: logits are features times `weights`, plus `bias`."""

    strength: float
    weights: Matrix  # (C, D + V), the factor of the temperature in it
    bias: Matrix  # (C,)
    out_of_fold: Matrix  # (N, C) logits of train, each fold's by a fit without it

    def logits(self, inputs: HeadInputs) -> Matrix:
        """(N, C) of inputs whose rows have length 1."""
        return linear_logits(joined(inputs), self.weights, self.bias)


def linear_logits(features: Features, weights: Matrix, bias: Matrix) -> Matrix:
    """(N, C) of features (N, D)."""
    found: Matrix = np.asarray(features @ weights.T) + bias
    return found


def joined(inputs: HeadInputs) -> Features:
    """(N, D + V): all blocks, then the n-grams."""
    if inputs.sparse is None:
        return np.concatenate([block.astype(np.float64) for block in inputs.dense], axis=1)
    return csr_matrix(hstack([*(csr_matrix(block) for block in inputs.dense), inputs.sparse], format="csr"))


def fit_logistic(
    train: HeadInputs,
    labels: NDArray[np.int64],
    classes: int,
    folds: NDArray[np.int64],
    *,
    seed: int,
    between: Between = lambda: None,
) -> Logistic:
    """The strength with the least log loss on held-out folds, each at its own best temperature; then fitted to all.

    `train` has rows of length 1; `labels` and `folds` are (N,).
    """
    features = joined(train)
    strength = _best_strength(features, labels, classes, folds, seed, between)
    held_out = _held_out(features, labels, classes, folds, strength, between)
    factor = best_factor(held_out, labels)
    weights, bias = _fit(features, labels, classes, strength)
    return Logistic(strength, weights * factor, bias * factor, held_out * factor)


def _best_strength(
    features: Features, labels: NDArray[np.int64], classes: int, folds: NDArray[np.int64], seed: int, between: Between
) -> float:
    """Chosen on a part of a large split: it hardly depends on the number of samples."""
    rows = landmarks_of(labels, CHOOSING, seed)
    losses = {}
    for strength in STRENGTHS:
        held_out = _held_out(features[rows], labels[rows], classes, folds[rows], strength, between)
        losses[strength], _ = calibrated(held_out, labels[rows])
    return min(losses, key=losses.__getitem__)


def _held_out(
    features: Features,
    labels: NDArray[np.int64],
    classes: int,
    folds: NDArray[np.int64],
    strength: float,
    between: Between,
) -> Matrix:
    found = np.empty((len(labels), classes))
    for fold in np.unique(folds):
        between()
        held = folds == fold
        weights, bias = _fit(features[~held], labels[~held], classes, strength)
        found[held] = linear_logits(features[held], weights, bias)
    return found


def _fit(features: Features, labels: NDArray[np.int64], classes: int, strength: float) -> tuple[Matrix, Matrix]:
    """Weights (C, D) and bias (C,); a class without samples has the lowest bias and no weights."""
    present = np.unique(labels)
    weights, bias = np.zeros((classes, features.shape[1])), np.full(classes, LOWEST)
    if len(present) == 1:  # nothing to tell apart
        bias[present] = 0.0
        return weights, bias
    from sklearn.exceptions import ConvergenceWarning  # a second, which other heads of pictures do without
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=strength, max_iter=STEPS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, labels)
    if len(present) == 2:  # scikit-learn keeps the second one's margin alone
        weights[present] = np.concatenate([-model.coef_, model.coef_]) / 2
        bias[present] = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        weights[present], bias[present] = model.coef_, model.intercept_
    return weights, bias
