"""Where models disagree, and who is right there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.logits import missing_rows


@dataclass(frozen=True)
class Case:
    """Samples that the same models are right about."""

    right: tuple[str, ...]  # the models that are
    wrong: tuple[str, ...]
    samples: int
    system_right: int  # of them


def who_is_right(
    logits: Mapping[str, NDArray[np.floating]], system: NDArray[np.floating], labels: NDArray[np.int64]
) -> tuple[Case, ...]:
    """Every case, from all right to none; logits (N, C) by model and of what the study ends with, labels (N,).

    A model without its input isn't right. Cases without samples are there too.
    """
    right = {name: _right(values, labels) for name, values in logits.items()}
    own, found = _right(system, labels), []
    for pattern in product((True, False), repeat=len(right)):
        rows = np.all([right[name] == one for name, one in zip(right, pattern, strict=True)], axis=0)
        named = [name for name, one in zip(right, pattern, strict=True) if one]
        others = [name for name in right if name not in named]
        found.append(Case(tuple(named), tuple(others), int(rows.sum()), int((rows & own).sum())))
    return tuple(found)


def _right(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    missing = missing_rows(logits)
    found: NDArray[np.bool_] = np.where(missing[:, None], 0, logits).argmax(axis=1) == labels
    return found & ~missing
