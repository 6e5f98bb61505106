"""The closed forms of kernel ridge regression, against fits that are made again without each fold."""

from __future__ import annotations

import numpy as np
import pytest
from head_fakes import made_ready
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.kernel_ridge import KernelRidge

from trainables.heads import kernel_ridge as module
from trainables.heads.folds import grouped_folds
from trainables.heads.inputs import HeadInputs
from trainables.heads.kernel_ridge import fit_kernel_ridge, landmarks_of
from trainables.heads.kernels import Kernel, kernels_of
from trainables.heads.temperature import best_factor, log_loss

Labels = NDArray[np.int64]


def _held_out(kernel: Kernel, ridge: float, train: HeadInputs, labels: Labels, folds: Labels) -> NDArray[np.float64]:
    """Each fold's predictions by scikit-learn's fit to the others."""
    matrix, targets = kernel.between(train, train), np.where(np.eye(labels.max() + 1)[labels] > 0, 1.0, -1.0)
    found = np.empty_like(targets)
    for fold in np.unique(folds):
        held = folds == fold
        model = KernelRidge(alpha=ridge * np.trace(matrix) / len(matrix), kernel="precomputed")
        model.fit(matrix[np.ix_(~held, ~held)], targets[~held])
        found[held] = model.predict(matrix[np.ix_(held, ~held)])
    return found


def _made(seed: int, *, sparse: bool = False) -> tuple[HeadInputs, Labels, Labels]:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], rng.integers(0, 3, int(rng.integers(5, 30)))])
    groups = np.arange(len(labels)) // 2
    return made_ready(labels, seed, dense=2, sparse=sparse), labels, grouped_folds(labels, groups, seed=seed)


@given(st.integers(0, 10**6), st.booleans())
def test_held_out_predictions_equal_fits_made_again(seed: int, sparse: bool) -> None:
    """The kernel, ridge and temperature that are chosen have the least loss of all, found by brute force."""
    train, labels, folds = _made(seed, sparse=sparse)
    found = fit_kernel_ridge(train, labels, 3, folds, seed=seed, most_support=1000)
    expected = _held_out(found.kernel, found.ridge, train, labels, folds)
    factor = best_factor(expected, labels)
    np.testing.assert_allclose(found.out_of_fold, expected * factor, rtol=0.01, atol=1e-4 * factor)
    for kernel in kernels_of(train, seed=seed):
        for ridge in module.RIDGES[::4]:
            other = _held_out(kernel, ridge, train, labels, folds)
            loss = log_loss(other * best_factor(other, labels), labels)
            assert log_loss(found.out_of_fold, labels) <= loss + 1e-4


@given(st.integers(0, 10**6), st.booleans())
def test_all_samples_as_landmarks_are_the_exact_fit(seed: int, sparse: bool) -> None:
    """Nystrom's form, chunk by chunk, has the predictions of the exact one, for every ridge."""
    train, labels, folds = _made(seed, sparse=sparse)
    targets = np.where(np.eye(3)[labels] > 0, 1.0, -1.0)
    kernel = kernels_of(train, seed=seed)[0]
    exact = module._exact(kernel, train, targets, folds)
    landmarks = module._on_landmarks(kernel, train, train, targets, folds, lambda: None)
    matrix = kernel.between(train, train)
    for one, other in zip(exact, landmarks, strict=True):
        assert one.ridge == other.ridge
        np.testing.assert_allclose(one.out_of_fold, other.out_of_fold, atol=1e-4)
        np.testing.assert_allclose(matrix @ one.coefficients, matrix @ other.coefficients, atol=1e-4)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a split is worked on as a whole or a few rows at a time."""
    labels = np.arange(90, dtype=np.int64) % 3
    train, folds = made_ready(labels), grouped_folds(labels, None, seed=0)
    whole = fit_kernel_ridge(train, labels, 3, folds, seed=0, most_support=30)
    monkeypatch.setattr(module, "CHUNK", 7)
    parts = fit_kernel_ridge(train, labels, 3, folds, seed=0, most_support=30)
    assert (whole.kernel, whole.ridge) == (parts.kernel, parts.ridge)
    np.testing.assert_allclose(whole.out_of_fold, parts.out_of_fold, atol=1e-4)
    np.testing.assert_allclose(whole.logits(train), parts.logits(train), atol=1e-4)


def test_a_bounded_support_tells_classes_apart_nearly_as_well() -> None:
    """A tenth of the samples as landmarks: the support is as small as asked for, the loss hardly larger."""
    labels = np.random.default_rng(0).integers(0, 3, 300)
    train, folds = made_ready(labels), grouped_folds(labels, None, seed=0)
    exact = fit_kernel_ridge(train, labels, 3, folds, seed=0, most_support=300)
    bounded = fit_kernel_ridge(train, labels, 3, folds, seed=0, most_support=30)
    assert len(exact.support) == 300
    assert len(bounded.support) == len(bounded.coefficients) <= 30
    assert log_loss(bounded.out_of_fold, labels) < log_loss(exact.out_of_fold, labels) + 0.05
    assert (bounded.logits(train).argmax(axis=1) == labels).mean() > 0.9


@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 40))
def test_landmarks_have_every_class(seed: int, samples: int, most: int) -> None:
    """Ascending rows, each once, at most as many as asked for unless there are more classes."""
    labels = np.random.default_rng(seed).integers(0, 5, samples)
    found = landmarks_of(labels, most, seed)
    assert set(labels[found]) == set(labels)
    assert (np.diff(found) > 0).all()
    assert len(found) <= max(most, min(samples, most + 4))


def test_landmarks_of_one_fold_are_enough() -> None:
    """Where no landmark could be held out from the others the first kernel is taken, and all is finite."""
    labels = np.array([0, 1] * 20, dtype=np.int64)
    folds = np.array([0, 1] * 20, dtype=np.int64)
    train = made_ready(labels)
    for most in (2, 4):
        assert np.isfinite(fit_kernel_ridge(train, labels, 2, folds, seed=0, most_support=most).out_of_fold).all()


def test_it_can_be_broken_off_between_parts() -> None:
    """Both forms call what they are given, which may raise."""
    labels = np.arange(60, dtype=np.int64) % 3
    train, folds = made_ready(labels), grouped_folds(labels, None, seed=0)

    def stop() -> None:
        raise KeyboardInterrupt

    for most in (20, 60):
        with pytest.raises(KeyboardInterrupt):
            fit_kernel_ridge(train, labels, 3, folds, seed=0, most_support=most, between=stop)
