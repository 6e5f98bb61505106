"""Character n-grams of texts: bounded, weighted, and the same after they lay in a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from trainables.text import ngrams as module
from trainables.text.ngrams import NGRAMS_FILE, NGrams

TEXTS = ("Beer_bottle_1", "beer bottle 22", "Dirty nappy 3", ("a red can", "tin"))


def test_read_back_they_give_the_same_matrix(tmp_path: Path) -> None:
    """Bit for bit, of texts that train doesn't have too; the file is JSON."""
    found = NGrams.of(TEXTS, "raw")
    assert found is not None
    found.save(tmp_path)
    again = NGrams.read(tmp_path)
    assert again is not None
    wanted = ("a beer can", "Дерево", "")
    assert (found.matrix(wanted) != again.matrix(wanted)).nnz == 0
    assert set(json.loads((tmp_path / NGRAMS_FILE).read_text("utf-8"))) == {"cleaning", "terms", "weights"}


def test_rows_have_length_one_or_zero() -> None:
    """A text without a known n-gram has none."""
    found = NGrams.of(TEXTS, "raw")
    assert found is not None
    lengths = np.sqrt(found.matrix(("beer", "zzz")).power(2).sum(axis=1)).A1
    assert lengths == pytest.approx([1, 0])


def test_with_words_the_counter_is_left_out() -> None:
    """As trials read texts."""
    found = NGrams.of(TEXTS, "words")
    assert found is not None
    assert (found.matrix(("Beer_bottle_1",)) != found.matrix(("beer bottle 999",))).nnz == 0


def test_texts_without_a_letter_have_none(tmp_path: Path) -> None:
    """And a folder without the file has none either."""
    assert NGrams.of(("", " "), "raw") is None
    assert NGrams.read(tmp_path) is None


def test_the_most_frequent_ones_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a checkpoint stays small."""
    monkeypatch.setattr(module, "MOST", 5)
    found = NGrams.of(TEXTS, "raw")
    assert found is not None
    assert found.matrix(TEXTS).shape == (4, 5)
