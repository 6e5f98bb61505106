"""Real tokenizers as a check asks them: the packaged MiniLM knows no Chinese, Thai or emoji."""

from __future__ import annotations

import pytest

from trainables.modality import SearchedValues
from trainables.text.check import packaged_backbone, searched_backbones, tokenize_with


def test_minilm_knows_latin_letters_alone() -> None:
    """Known words have no unknown token; Thai and emoji names are nothing else, and equal to each other."""
    backbone = packaged_backbone()
    if backbone is None:
        pytest.skip("needs the extra `demo`: MiniLM's files in a package")
    found = tokenize_with(backbone, 64)(["old bottle 3", "ขวดน้ำ", "🍎", "🍌"])
    assert found.unknown[0] == 0
    assert found.tokens[0] >= 3
    assert (found.unknown[1:] == found.tokens[1:]).all()
    assert found.ids[2] == found.ids[3]


def test_the_backbones_of_a_search() -> None:
    """Each once, with the longest texts of the space; none where all weights begin at random."""
    own = {"backbone": "a", "weights": "pretrained", "max_length": 32}
    space = {"backbone": ["a", "b"], "weights": ["pretrained"], "max_length": [32, 48]}
    assert searched_backbones(SearchedValues(own, space, [own])) == {"a": 48, "b": 48}
    fresh = {**own, "weights": "none"}
    assert searched_backbones(SearchedValues(fresh, {**space, "weights": ["none"]}, [fresh])) == {}
