"""Logits of several modalities on the same samples, checked, and the margins of the true class over its rivals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def checked_logits(logits: Sequence[ArrayLike]) -> tuple[Floats, NDArray[np.bool_]]:
    """M arrays (N, C) as one of (M, N, C), 0 where a sample lacks a modality; and (M, N), whether it has it.

    Raises ValueError where the shapes differ, N or C is 0, a sample has no modality at all, or a logit isn't finite and
    its row isn't all NaN.
    """
    arrays = [np.asarray(one, dtype=np.float64) for one in logits]
    shapes = [one.shape for one in arrays]
    if arrays[0].ndim != 2 or len(set(shapes)) != 1 or arrays[0].size == 0:
        raise ValueError(f"All logits must have one shape (N, C), N and C >= 1, but got {', '.join(map(str, shapes))}.")
    stacked = np.stack(arrays)
    missing = missing_rows(stacked)
    stacked[missing] = 0
    if not np.isfinite(stacked).all():
        raise ValueError("Every logit must be finite, but some are NaN or infinite: the model that made them diverged.")
    if missing.all(axis=0).any():
        rows = np.flatnonzero(missing.all(axis=0))
        raise ValueError(
            f"Every sample must have a modality, but {len(rows)} have none, the first of them row {rows[0]}."
        )
    return stacked, np.logical_not(missing)


def missing_rows(logits: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows (..., N, C) are all NaN: the samples that lack the modality; (..., N)."""
    return np.asarray(np.isnan(logits).all(axis=-1))


def refuse_unused(present: NDArray[np.bool_]) -> None:
    """Raises ValueError where no sample has one of the modalities; `present` is (M, N)."""
    if not present.any(axis=1).all():
        raise ValueError(
            "Every modality must be there in at least one sample, but one has NaN in every row: "
            "the model that made its logits diverged, or the split lacks that modality."
        )


def checked_labels(labels: ArrayLike, shape: tuple[int, ...]) -> Labels:
    """Labels as integers (N,), for logits of `shape` (N, C).

    Raises ValueError where their shape isn't (N,), or one is no index into the C classes.
    """
    classes = np.asarray(labels, dtype=np.int64)
    if classes.shape != shape[:1] or classes.min() < 0 or classes.max() >= shape[1]:
        raise ValueError(
            f"`labels` must have shape {shape[:1]} with values from 0 to {shape[1] - 1}, "
            f"but got shape {classes.shape} with values from {classes.min(initial=0)} to {classes.max(initial=0)}."
        )
    return classes


def safe_scale(logits: Floats) -> float:
    """By what logits must be multiplied so that their differences, and sums of those, don't overflow."""
    return 0.125 if np.abs(logits).max() > 1e300 else 1.0


def margins(logits: Floats, labels: Labels) -> Iterator[Floats]:
    """How far the true class's logit is above a rival's: C - 1 arrays (N,), each sample's rivals in any order."""
    rows, classes = np.arange(len(labels)), logits.shape[1]
    true = logits[rows, labels]
    for step in range(1, classes):
        yield true - logits[rows, (labels + step) % classes]
