"""N-grams without scikit-learn are scikit-learn's."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.runtime.ngrams import NGrams, ngrams_of
from trainables.text.ngrams import NGrams as Fitted

TEXTS = ["old bottle", "Green_glass_bottle_12", "a", "dirty nappy  7", "бутылка", "old old old"]
FITTED = Fitted.of(TEXTS, "words")
ITEM = st.text(alphabet="abeglot dİß\n\t_-3é", max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(TEXTS), ITEM, st.tuples(ITEM, ITEM)), min_size=1, max_size=4))
def test_rows_are_those_of_training(items: list[str | tuple[str, ...]]) -> None:
    """To the last bits of float32, whatever is between the letters; a text without a known n-gram has zeros."""
    assert FITTED is not None
    weights = FITTED._weights.tolist()
    ours = NGrams(FITTED._terms, weights, "words").rows(items)
    dense = np.zeros((len(items), ours.width))
    for row, (start, end) in enumerate(zip(ours.starts[:-1], ours.starts[1:], strict=True)):
        dense[row, ours.columns[start:end]] = ours.values[start:end]
    assert np.allclose(dense, FITTED.matrix(items).toarray(), atol=2e-6)


def test_short_words_are_one_ngram_each_length() -> None:
    """A word of one letter, its spaces counted, is no n-gram twice."""
    assert list(ngrams_of("a")) == [" a", "a ", " a "]
