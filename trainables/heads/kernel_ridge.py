"""Kernel ridge regression on classes: all ridges and all held-out folds of a kernel in closed form.

With K the kernel's matrix, Y the targets (+1 the class, -1 the others) and A = K + ridge I, the coefficients are
A^-1 Y, and what a fit without fold f says of f is Y_f - (A^-1)_ff^-1 (A^-1 Y)_f (the block form of the leave-one-out
formula; e.g. Cawley and Talbot 2007, https://jmlr.org/papers/v8/cawley07a.html). One eigendecomposition gives A^-1 for
every ridge. Above a number of samples, the coefficients lie on landmarks (Nystrom: Williams and Seeger 2001), and each
fold takes a Cholesky factorization a ridge of a matrix of the landmarks' size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, eigh

from trainables.heads.inputs import HeadInputs
from trainables.heads.kernels import Kernel, Matrix, kernels_of
from trainables.heads.temperature import best_factor, log_loss

RIDGES = tuple(float(one) for one in np.logspace(-3, 1, 9))  # times the kernel's mean diagonal
CHUNK = 4096  # rows of a kernel's matrix at a time
_SMALLEST = 1e-10  # eigenvalue, as a share of the largest, that counts

Between = Callable[[], None]  # called between two parts of the work, so that it can be broken off


@dataclass(frozen=True)
class KernelRidge:
    """A fitted one: logits are the kernel between samples and its support, times the coefficients."""

    kernel: Kernel
    ridge: float  # times the kernel's mean diagonal
    support: HeadInputs  # (M,) rows of length 1
    coefficients: Matrix  # (M, C), the factor of the temperature in it
    out_of_fold: Matrix  # (N, C) logits of train, each fold's by a fit without it

    def logits(self, inputs: HeadInputs) -> Matrix:
        """(N, C) of inputs whose rows have length 1."""
        return predicted(self.kernel, self.support, self.coefficients, inputs)


@dataclass(frozen=True)
class _Fit:
    """One kernel with one ridge: held-out predictions (N, C), and the coefficients (M, C) of a fit to all."""

    ridge: float
    out_of_fold: Matrix
    coefficients: Matrix


def predicted(kernel: Kernel, support: HeadInputs, coefficients: Matrix, inputs: HeadInputs) -> Matrix:
    """(N, C), some rows at a time."""
    parts = [
        kernel.between(inputs.rows(slice(start, start + CHUNK)), support) @ coefficients
        for start in range(0, len(inputs), CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, coefficients.shape[1]))


def fit_kernel_ridge(
    train: HeadInputs,
    labels: NDArray[np.int64],
    classes: int,
    folds: NDArray[np.int64],
    *,
    seed: int,
    most_support: int,
    between: Between = lambda: None,
) -> KernelRidge:
    """The kernel and ridge with the least log loss on held-out folds, each at its own best temperature.

    `train` has rows of length 1; `labels` and `folds` are (N,). With more than `most_support` samples the support is so
    many landmarks, drawn at random, each class by its share.
    """
    targets = np.full((len(labels), classes), -1.0)
    targets[np.arange(len(labels)), labels] = 1.0
    landmarks = landmarks_of(labels, most_support, seed)
    best: tuple[float, float, Kernel, _Fit] | None = None
    for kernel in kernels_of(train, seed=seed):
        between()
        if len(landmarks) == len(labels):
            fits = _exact(kernel, train, targets, folds)
        else:
            fits = _on_landmarks(kernel, train, train.rows(landmarks), targets, folds)
        for fit in fits:
            factor = best_factor(fit.out_of_fold, labels)
            loss = log_loss(fit.out_of_fold * factor, labels)
            if best is None or loss < best[0]:
                best = loss, factor, kernel, fit
    assert best is not None, "there is a kernel and a ridge"  # noqa: S101
    _, factor, kernel, fit = best
    support = train.rows(landmarks)
    return KernelRidge(kernel, fit.ridge, support, fit.coefficients * factor, fit.out_of_fold * factor)


def landmarks_of(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """At most `most` rows, ascending: of each class its share, at least one, at random."""
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    chosen = []
    for one in np.unique(labels):
        own = shuffled[labels[shuffled] == one]
        chosen.append(own[: max(1, most * len(own) // len(labels))])
    return np.sort(np.concatenate(chosen))


def _exact(kernel: Kernel, train: HeadInputs, targets: Matrix, folds: NDArray[np.int64]) -> Iterator[_Fit]:
    matrix = kernel.between(train, train)
    diagonal = float(matrix.trace()) / len(matrix)
    values, vectors = eigh(matrix, overwrite_a=True, check_finite=False)
    values, turned = np.maximum(values, 0), vectors.T @ targets
    for ridge in RIDGES:
        inverse = 1 / (values + ridge * diagonal)
        coefficients = vectors @ (inverse[:, None] * turned)
        held_out = np.empty_like(targets)
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            own = vectors[rows]
            block = (own * inverse) @ own.T
            held_out[rows] = targets[rows] - np.linalg.solve(block, coefficients[rows])
        yield _Fit(ridge, held_out, coefficients)


def _on_landmarks(
    kernel: Kernel, train: HeadInputs, support: HeadInputs, targets: Matrix, folds: NDArray[np.int64]
) -> Iterator[_Fit]:
    """With K_mm = U S U^T of the landmarks, samples become K_nm U S^-1/2, on which ridge regression is a linear one."""
    values, vectors = eigh(kernel.between(support, support), check_finite=False)
    kept = values > _SMALLEST * values[-1]
    whiten = vectors[:, kept] / np.sqrt(values[kept])
    held = np.unique(folds)
    parts = [_moments(kernel, train, support, whiten, targets, folds == fold) for fold in held]
    gram, moment = np.sum([one for one, _ in parts], axis=0), np.sum([one for _, one in parts], axis=0)
    diagonal = np.trace(gram) / len(targets) * np.eye(len(gram))
    whole = [whiten @ _solved(gram, moment, ridge * diagonal) for ridge in RIDGES]
    without = [[whiten @ _solved(gram - g, moment - m, ridge * diagonal) for g, m in parts] for ridge in RIDGES]
    stacked = [np.concatenate(one, axis=1) for one in without]
    held_out = np.empty((len(RIDGES), *targets.shape))
    for start in range(0, len(train), CHUNK):
        chunk = slice(start, start + CHUNK)
        matrix = kernel.between(train.rows(chunk), support)
        for place, one in enumerate(stacked):
            held_out[place, chunk] = _chosen(matrix @ one, folds[chunk], held)
    for ridge, out_of_fold, coefficients in zip(RIDGES, held_out, whole, strict=True):
        yield _Fit(ridge, out_of_fold, coefficients)


def _solved(gram: Matrix, moment: Matrix, added: Matrix) -> Matrix:
    found: Matrix = cho_solve(cho_factor(gram + added, check_finite=False), moment, check_finite=False)
    return found


def _moments(
    kernel: Kernel, train: HeadInputs, support: HeadInputs, whiten: Matrix, targets: Matrix, chosen: NDArray[np.bool_]
) -> tuple[Matrix, Matrix]:
    """Z^T Z and Z^T Y of the chosen samples' features Z, some rows at a time."""
    gram, moment = np.zeros((whiten.shape[1],) * 2), np.zeros((whiten.shape[1], targets.shape[1]))
    rows = np.flatnonzero(chosen)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        features = kernel.between(train.rows(part), support) @ whiten
        gram += features.T @ features
        moment += features.T @ targets[part]
    return gram, moment


def _chosen(stacked: Matrix, folds: NDArray[np.int64], held: NDArray[np.int64]) -> Matrix:
    """Of the predictions (N, folds * C), each sample's by the fit that its fold was held out of."""
    by_fold = stacked.reshape(len(stacked), len(held), -1)
    found: Matrix = by_fold[np.arange(len(folds)), np.searchsorted(held, folds)]
    return found
