"""Character n-grams of texts, weighted by how rare they are; kept as JSON, without a pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer

from trainables.runtime.captions import TextItem, captions_of
from trainables.runtime.texts import clean

NGRAMS_FILE = "ngrams.json"
LENGTHS = (2, 5)  # characters, within words
MOST = 50_000  # n-grams: the most frequent ones
_LARGE = 5000  # texts from which on an n-gram of a single text is left out


class NGrams:
    """A vocabulary with each n-gram's weight (inverse document frequency), as train has them."""

    def __init__(self, terms: Sequence[str], weights: Sequence[float], cleaning: str) -> None:
        self._terms, self._weights, self._cleaning = list(terms), np.asarray(weights, dtype=np.float32), cleaning
        self._vectorizer = _vectorizer(vocabulary={term: place for place, term in enumerate(self._terms)})
        self._vectorizer.idf_ = self._weights

    @classmethod
    def of(cls, items: Sequence[TextItem], cleaning: str) -> NGrams | None:
        """The n-grams of train's texts; None where no text has any."""
        vectorizer = _vectorizer(min_df=1 if len(items) < _LARGE else 2, max_features=MOST)
        try:
            vectorizer.fit(_texts(items, cleaning))
        except ValueError:  # scikit-learn's word for an empty vocabulary
            return None
        terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
        return cls(terms, vectorizer.idf_.tolist(), cleaning)

    def matrix(self, items: Sequence[TextItem]) -> csr_matrix:
        """(N, V) float32 TF-IDF with rows of length 1; a text without a known n-gram has a row of zeros."""
        return csr_matrix(self._vectorizer.transform(_texts(items, self._cleaning)), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Beside a head's tensors."""
        told = {"cleaning": self._cleaning, "terms": self._terms, "weights": self._weights.tolist()}
        (folder / NGRAMS_FILE).write_text(json.dumps(told, ensure_ascii=True), "utf-8")

    @classmethod
    def read(cls, folder: Path) -> NGrams | None:
        """Those of a checkpoint folder that was checked; None where the head has none."""
        path = folder / NGRAMS_FILE
        if not path.is_file():
            return None
        told = json.loads(path.read_text("utf-8"))
        return cls(told["terms"], told["weights"], told["cleaning"])


def _vectorizer(**changes: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=LENGTHS, sublinear_tf=True, lowercase=True, dtype=np.float32, **changes
    )


def _texts(items: Sequence[TextItem], cleaning: str) -> list[str]:
    """(N,) one text a sample: no n-gram reaches over the line end between two captions."""
    return ["\n".join(clean(caption, cleaning) for caption in captions_of(item)) for item in items]
