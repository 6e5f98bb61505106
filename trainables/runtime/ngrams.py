"""Character n-grams of texts without scikit-learn: what `TfidfVectorizer(analyzer="char_wb")` makes of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from .captions import TextItem, captions_of
from .sparse import Sparse
from .texts import clean

LENGTHS = (2, 5)  # characters, within words


class NGrams:
    """A vocabulary with each n-gram's weight (inverse document frequency), as train has them."""

    def __init__(self, terms: Sequence[str], weights: Sequence[float], cleaning: str) -> None:
        self._places = {term: place for place, term in enumerate(terms)}
        self._weights, self._cleaning = np.asarray(weights, dtype=np.float32), cleaning

    @classmethod
    def read(cls, file: Path) -> NGrams:
        """Those of a head's file."""
        told = json.loads(file.read_text("utf-8"))
        return cls(told["terms"], told["weights"], told["cleaning"])

    def rows(self, items: Sequence[TextItem]) -> Sparse:
        """(N, V) float32 TF-IDF with rows of length 1; a text without a known n-gram has a row of zeros."""
        found = [self._row(item) for item in items]
        starts = np.cumsum([0, *(len(columns) for columns, _ in found)])
        columns = np.concatenate([np.zeros(0, dtype=np.int64), *(own for own, _ in found)])
        values = np.concatenate([np.zeros(0, dtype=np.float32), *(own for _, own in found)])
        return Sparse(values, columns, starts, len(self._weights))

    def _row(self, item: TextItem) -> tuple[np.ndarray, np.ndarray]:
        # No n-gram reaches over the line end between two captions.
        text = "\n".join(clean(caption, self._cleaning) for caption in captions_of(item))
        counts = Counter(place for gram in ngrams_of(text.lower()) if (place := self._places.get(gram)) is not None)
        columns = np.fromiter(counts, dtype=np.int64, count=len(counts))
        often = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        values = (np.log(often) + 1) * self._weights[columns]
        length = np.sqrt(np.square(values, dtype=np.float64).sum())
        return columns, (values / length if length else values).astype(np.float32)


def ngrams_of(text: str) -> Iterator[str]:
    """All n-grams within the words, a space before and behind each; a word that is too short for a length is one."""
    shortest, longest = LENGTHS
    for bare in text.split():
        word = f" {bare} "
        for length in range(shortest, longest + 1):
            yield word[:length]
            yield from (word[start : start + length] for start in range(1, len(word) - length + 1))
            if len(word) <= length:
                break
