"""Whether a model that was trained again says the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.logits import missing_rows
from analysis.numbers.paired import Verdict, compared

Logits = NDArray[np.float32]


class Same(StrEnum):
    """How alike two models are on the same samples."""

    EXACT = "bit for bit"
    ALIKE = "alike"  # as far as their accuracies tell: the difference may be chance
    DIFFERENT = "different"


@dataclass(frozen=True)
class Sameness:
    """A model that was trained again beside the one on record."""

    same: Same
    largest: float  # difference of two logits; infinite where one has none
    decided_otherwise: int  # samples
    samples: int
    before: float  # accuracy on record
    again: float
    p: float  # how likely so uneven a difference is between equally good models


@dataclass(frozen=True)
class Spread:
    """The accuracies of one recipe with several seeds."""

    accuracies: tuple[float, ...]
    mean: float
    deviation: float | None  # standard deviation (n - 1); None of one alone


def sameness(before: Logits, again: Logits, labels: NDArray[np.int64]) -> Sameness:
    """Compare logits (N, C) of the same samples, of which labels (N,) are the classes; rows of NaN don't count.

    Raises ValueError where the shapes differ, or no row is there.
    """
    if before.shape != again.shape or before.shape[:1] != labels.shape:
        raise ValueError(f"Logits and labels must be of the same samples, but got {before.shape}, {again.shape}.")
    there = ~(missing_rows(before) & missing_rows(again))
    old, new, truth = before[there], again[there], labels[there]
    gaps = np.where(old == new, 0.0, np.abs(new.astype(np.float64) - old))
    right = [np.nan_to_num(one, nan=-np.inf).argmax(axis=1) == truth for one in (new, old)]
    found = compared(right[0], right[1])
    exact = before.tobytes() == again.tobytes()
    return Sameness(
        Same.EXACT if exact else Same.ALIKE if found.verdict == Verdict.NOT_SHOWN else Same.DIFFERENT,
        float(np.nan_to_num(gaps, nan=np.inf).max()),
        int((old.argmax(axis=1) != new.argmax(axis=1)).sum()),
        len(truth),
        float(right[1].mean()),
        float(right[0].mean()),
        found.p,
    )


def spread(accuracies: Sequence[float]) -> Spread:
    """Mean and standard deviation of accuracies, at least one."""
    several = len(accuracies) > 1
    return Spread(tuple(accuracies), float(np.mean(accuracies)), float(np.std(accuracies, ddof=1)) if several else None)
