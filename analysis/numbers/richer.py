"""Fusions of the selected models with more to fit than one weight: a weight for each class, and stacking.

Both are linear in the models' log-probabilities (`LinearFusion`). More to fit is more to get wrong: whether one
decides, its cross-fitted gain over the single weights says, as with an ensemble (`ensemble.Gain`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from analysis.numbers.ensemble import Gain, gain_of
from analysis.numbers.logits import Floats, Labels, missing_rows
from analysis.numbers.mixture import mix
from trainables.heads.temperature import best_factor, log_loss
from trainables.names import PER_CLASS, FusionName
from trainables.runtime.fusion import LinearFusion, log_softmax

LEAST = 25  # samples of each class that have all modalities, from which on they are fitted
MOST_WORK = 20_000_000  # samples * classes * log-probabilities a sample: about a minute of a core for one fusion
INNER = 2  # folds in which the strength is chosen
PENALTIES = (0.03, 0.3, 3.0)  # of per-class weights' squared distances from the single ones, nats a sample
INVERSES = (0.003, 0.03, 0.3)  # of stacking's L2, as scikit-learn's C
_UNSEEN = -30.0  # the bias of a class that no fitted sample has
_SMALLEST = 1e-3  # share of a modality in the single weights, where the search for its weights by class begins

Rows = NDArray[np.bool_]
# Logits by modality, labels and groups -> the single weights by modality.
Weigh = Callable[[Mapping[str, Floats], Labels, NDArray[np.int64]], Mapping[str, float]]


def complete(logits: Mapping[str, NDArray[np.floating]]) -> Rows:
    """(N,) whether a sample has all modalities; logits (N, C) by modality."""
    return np.asarray(~np.any([missing_rows(one) for one in logits.values()], axis=0))


def can_be_fitted(logits: Mapping[str, NDArray[np.floating]], labels: Labels) -> bool:
    """Whether there is enough of each class, and not more than can be fitted in reasonable time."""
    whole, classes = complete(logits), next(iter(logits.values())).shape[1]
    work = len(labels) * classes**2 * len(logits)
    return len(logits) > 1 and work <= MOST_WORK and int(np.bincount(labels[whole], minlength=classes).min()) >= LEAST


def fitted(
    name: FusionName,
    logits: Mapping[str, Floats],
    labels: Labels,
    weights: Mapping[str, float],
    folds: NDArray[np.int64],
) -> LinearFusion:
    """A richer fusion, on the samples that have all modalities; logits (N, C) by modality, labels (N,).

    `weights`: the single ones. How strongly it is held back is what has the least log loss on held-out folds, (N,):
    of them `INNER` parts are made.
    """
    whole = complete(logits)
    own, truth = {one: values[whole] for one, values in logits.items()}, labels[whole]
    _, places = np.unique(folds[whole], return_inverse=True)
    strengths = PENALTIES if name == PER_CLASS else INVERSES
    losses = [_held_out_loss(name, own, truth, weights, places % INNER, strength) for strength in strengths]
    return _fit(name, own, truth, weights, strengths[int(np.argmin(losses))])


def fusion_gain(
    name: FusionName,
    logits: Mapping[str, Floats],
    labels: Labels,
    groups: NDArray[np.int64],
    folds: NDArray[np.int64],
    weigh: Weigh,
) -> Gain:
    """What it gains over the single weights on samples that neither was fitted on.

    As `ensemble.cross_fitted_gain`: everything is done anew without each fold, the strength too. Samples that lack a
    modality are decided by the single weights in both, and count as no difference.
    """
    more = np.zeros(len(labels))
    for fold in np.unique(folds):
        held = folds == fold
        kept, own = {one: values[~held] for one, values in logits.items()}, labels[~held]
        weights = weigh(kept, own, groups[~held])
        fusion = fitted(name, kept, own, weights, folds[~held])
        rest, truth = {one: values[held] for one, values in logits.items()}, labels[held]
        single = mix(rest, weights)
        richer = fusion.logits(rest, single)
        more[held] = (richer.argmax(axis=1) == truth).astype(float) - (single.argmax(axis=1) == truth)
    return gain_of(more, groups)


def _held_out_loss(
    name: FusionName,
    logits: Mapping[str, Floats],
    labels: Labels,
    weights: Mapping[str, float],
    parts: NDArray[np.int64],
    strength: float,
) -> float:
    """The mean log loss of each part's samples, fitted on the others."""
    total = 0.0
    for part in np.unique(parts):
        held = parts == part
        fusion = _fit(name, {one: own[~held] for one, own in logits.items()}, labels[~held], weights, strength)
        rest = {one: own[held] for one, own in logits.items()}
        said = fusion.logits(rest, next(iter(rest.values())))
        if name == PER_CLASS:  # it keeps the single weights' scale, which need not be that of chances
            said = said * best_factor(said, labels[held])
        total += log_loss(said, labels[held]) * held.sum()
    return total / len(labels)


def _fit(
    name: FusionName, logits: Mapping[str, Floats], labels: Labels, weights: Mapping[str, float], strength: float
) -> LinearFusion:
    if name == PER_CLASS:
        return _per_class(logits, labels, weights, strength)
    return _stacking(logits, labels, strength)


def _per_class(
    logits: Mapping[str, Floats], labels: Labels, weights: Mapping[str, float], penalty: float
) -> LinearFusion:
    """Weights on the simplex for each class, near the single ones: diagonal matrices without a bias.

    The least log loss, at the single weights' best temperature, plus the penalty: by softmax of what is sought, so that
    all stay on the simplex. With equal weights for all classes it decides as the single weights do.
    """
    chances = np.stack([log_softmax(one) for one in logits.values()])  # (M, N, C)
    single = np.maximum([weights[name] for name in logits], _SMALLEST)
    single = (single / single.sum())[:, None]
    factor = best_factor((single[:, :, None] * chances).sum(axis=0), labels)
    shape, rows = (len(chances), chances.shape[2]), np.arange(len(labels))

    def loss(sought: Floats) -> tuple[float, Floats]:
        shares = single * np.exp(sought.reshape(shape))
        shares = shares / shares.sum(axis=0)
        told = log_softmax(factor * (shares[:, None, :] * chances).sum(axis=0))
        wrong = np.exp(told)
        wrong[rows, labels] -= 1
        slope = factor * (wrong * chances).sum(axis=1) / len(labels) + 2 * penalty * (shares - single)
        slope = shares * (slope - (shares * slope).sum(axis=0))
        return float(-told[rows, labels].mean() + penalty * ((shares - single) ** 2).sum()), slope.ravel()

    bounds = [(-8.0, 8.0)] * (shape[0] * shape[1])
    found = single * np.exp(
        minimize(loss, np.zeros(len(bounds)), jac=True, method="L-BFGS-B", bounds=bounds).x.reshape(shape)
    )
    found = found / found.sum(axis=0)
    matrices = {name: _tuples(np.diag(own)) for name, own in zip(logits, found, strict=True)}
    return LinearFusion(dict.fromkeys(logits, 1.0), matrices, (0.0,) * shape[1])


def _stacking(logits: Mapping[str, Floats], labels: Labels, inverse: float) -> LinearFusion:
    """Multinomial logistic regression with L2 on log-probabilities, each modality at its best temperature.

    Wolpert 1992, "Stacked generalization", https://doi.org/10.1016/S0893-6080(05)80023-1. A class that no sample has
    isn't said.
    """
    from sklearn.linear_model import LogisticRegression

    temperatures = {name: round(1 / best_factor(one, labels), 6) for name, one in logits.items()}
    inputs = np.hstack([log_softmax(one / temperatures[name]) for name, one in logits.items()])
    model: Any = LogisticRegression(C=inverse, max_iter=1000).fit(inputs, labels)
    own, intercept = model.coef_, model.intercept_
    if len(model.classes_) == 2:  # of two classes it has the second one's alone
        own, intercept = np.vstack([-own, own]) / 2, np.concatenate([-intercept, intercept]) / 2
    classes = next(iter(logits.values())).shape[1]
    weights, bias = np.zeros((classes, inputs.shape[1])), np.full(classes, _UNSEEN)
    weights[model.classes_], bias[model.classes_] = own, intercept
    parts = np.split(weights.T, len(logits))
    matrices = {name: _tuples(part) for name, part in zip(logits, parts, strict=True)}
    return LinearFusion(temperatures, matrices, tuple(bias.tolist()))


def _tuples(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())
