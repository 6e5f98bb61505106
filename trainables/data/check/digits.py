"""What digits in names are worth to a text model, on val and where names are numbered anew. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.check.names import name_key, renumbered, trailing_number

MOST = 6_000  # samples to learn from: more take minutes and say the same
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class DigitsEffect:
    """How many val names a linear model on character n-grams gets right."""

    raw: NDArray[np.bool_]  # (N,) right with the names as they are
    words: NDArray[np.bool_]  # (N,) right without their digits
    renumbered: NDArray[np.bool_]  # (N,) of the model on raw names, where val's names have other numbers


def digits_effect(
    names: Sequence[str], labels: Labels, val_names: Sequence[str], val_labels: Labels, seed: int = 0
) -> DigitsEffect:
    """Learn from names (N,), with digits and without, and predict val's (M,), also under numbers of other samples."""
    rng = np.random.default_rng(seed)
    raw = name_model().fit(names, labels)
    words = name_model().fit([name_key(name) for name in names], labels)
    numbers = [trailing_number(name) for name in (*names, *val_names)]
    held = [number for number in numbers if number is not None] or [0]
    anew = [renumbered(name, int(rng.choice(held))) for name in val_names]
    return DigitsEffect(
        raw=raw.predict(val_names) == val_labels,
        words=words.predict([name_key(name) for name in val_names]) == val_labels,
        renumbered=raw.predict(anew) == val_labels,
    )


def name_model() -> Any:
    """A linear classifier on character n-grams of names, as scikit-learn has it."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True),
        LogisticRegression(C=10.0, max_iter=500, tol=1e-3),
    )
