"""How good predictions are: accuracy, F1, the confusion matrix, and the share that always guessing one class gets.

Every number is computed over the classes fixed in training, whether or not a split holds all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_WHOLE = 100  # classes whose confusion matrix is written with its zeros


@dataclass(frozen=True)
class ClassScores:
    """One class: shares from 0 to 1, all None where no sample of the class is in the split."""

    name: str
    precision: float | None  # 0 where the class was never predicted
    recall: float | None
    f1: float | None
    support: int  # samples that are of this class


@dataclass(frozen=True)
class Scores:
    """What one model scores on one split; every share from 0 to 1."""

    accuracy: float
    macro_f1: float
    weighted_f1: float
    per_class: tuple[ClassScores, ...]  # (C,)
    confusion: tuple[tuple[int, ...], ...]  # (C, C) counts: true class by row, predicted class by column

    @property
    def samples(self) -> int:
        """How many samples were scored."""
        return sum(map(sum, self.confusion))

    @property
    def right(self) -> int:
        """How many of them were predicted as what they are."""
        return sum(row[place] for place, row in enumerate(self.confusion))

    def as_json(self) -> dict[str, Any]:
        """All fields by name, ready for JSON; of very many classes only the counts that aren't 0, each with its place.

        A matrix of 1,000 classes is a million numbers, which nearly all are 0, for every row of the results.
        """
        counts = np.array(self.confusion, dtype=np.int64)
        filled = [[*place, int(counts[*place])] for place in np.argwhere(counts).tolist()]
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "weighted_f1": self.weighted_f1,
            "per_class": [dataclasses.asdict(one) for one in self.per_class],
            "confusion": self.confusion if len(counts) <= MOST_WHOLE else {"counts": filled},
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Scores:
        """The value of its own `as_json`. Raises LookupError, TypeError or ValueError where it is none."""
        return cls(
            accuracy=raw["accuracy"],
            macro_f1=raw["macro_f1"],
            weighted_f1=raw["weighted_f1"],
            per_class=tuple(ClassScores(**one) for one in raw["per_class"]),
            confusion=_whole(raw["confusion"], len(raw["per_class"])),
        )


def _whole(confusion: Any, n: int) -> tuple[tuple[int, ...], ...]:
    """The matrix of all counts, from itself or from those that aren't 0."""
    if not isinstance(confusion, Mapping):
        return tuple(tuple(row) for row in confusion)
    counts = np.zeros((n, n), dtype=np.int64)
    for true, predicted, count in confusion["counts"]:
        counts[true, predicted] = count
    return tuple(map(tuple, counts.tolist()))


def score(predictions: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> Scores:
    """Scores of logits or probabilities (N, C), or of predicted classes (N,) as indices, against labels (N,).

    As in scikit-learn with `labels=` all classes and `zero_division=0`: precision = hits / predicted, recall = hits /
    support, F1 = 2 hits / (predicted + support), and a class without samples counts with 0 in the macro F1. Raises
    ValueError where there is no sample, a value isn't finite, a shape doesn't fit or an index isn't a class.
    """
    confusion = _confusion(_predicted(predictions, len(classes)), np.asarray(labels), len(classes))
    hits, predicted, support = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    f1 = _share(2 * hits, predicted + support)
    columns = zip(classes, _share(hits, predicted), _share(hits, support), f1, support, strict=True)
    return Scores(
        accuracy=float(hits.sum() / confusion.sum()),
        macro_f1=float(f1.mean()),
        weighted_f1=float((f1 * support).sum() / support.sum()),
        per_class=tuple(_class_scores(*column) for column in columns),
        confusion=tuple(map(tuple, confusion.tolist())),
    )


def majority_class(labels: ArrayLike, n: int) -> int:
    """The index of the most frequent of `n` classes in labels (N,); of equally frequent ones the first.

    Raises ValueError where there is no label, or one is no index from 0 to n - 1.
    """
    return int(_counts(labels, n).argmax())


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Probabilities of logits over the last axis, in float64, stable for large values."""
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def _predicted(predictions: ArrayLike, n: int) -> NDArray[np.int64]:
    values: NDArray[Any] = np.asarray(predictions)
    if values.ndim == 1:
        return values.astype(np.int64)
    if values.ndim != 2 or values.shape[1] != n:
        raise ValueError(f"`predictions` must have shape (N, {n}) or (N,), but got {values.shape}.")
    if not np.isfinite(values).all():
        raise ValueError("Every logit must be finite, but some are NaN or infinite: the model that made them diverged.")
    return np.asarray(values.argmax(axis=1), dtype=np.int64)


def _confusion(predicted: NDArray[np.int64], labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    if len(labels) == 0 or predicted.shape != labels.shape:
        raise ValueError(
            f"Labels and predictions must be as many and at least one, but got {labels.shape}, {predicted.shape}."
        )
    if min(predicted.min(), labels.min()) < 0 or max(predicted.max(), labels.max()) >= n:
        raise ValueError(f"Labels and predictions must be from 0 to {n - 1}, the indices of the classes.")
    return np.bincount(labels * n + predicted, minlength=n * n).reshape(n, n).astype(np.int64)


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _class_scores(name: str, precision: float, recall: float, f1: float, support: int) -> ClassScores:
    if support == 0:
        return ClassScores(name, None, None, None, 0)
    return ClassScores(name, float(precision), float(recall), float(f1), int(support))


def _counts(labels: ArrayLike, n: int) -> NDArray[np.int64]:
    values = np.asarray(labels, dtype=np.int64)
    if values.size == 0 or values.min() < 0 or values.max() >= n:
        raise ValueError(f"At least one label must be given, and all from 0 to {n - 1}.")
    return np.bincount(values, minlength=n)
