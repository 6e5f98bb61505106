"""What a tokenizer doesn't know, or can't tell apart, is found whatever tokenizer it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainables.data.check.findings import Place
from trainables.data.check.texts import TextSample
from trainables.data.check.tokenized import Tokenized, token_findings


def letters(texts: Sequence[str]) -> Tokenized:
    """A token a letter; token 0 for all that isn't ASCII."""
    ids = [tuple(ord(letter) if letter.isascii() else 0 for letter in text.lower()) for text in texts]
    return Tokenized(
        tokens=np.array([len(own) for own in ids]), unknown=np.array([own.count(0) for own in ids]), ids=ids
    )


def samples(*rows: tuple[str, str]) -> list[TextSample]:
    """Of (label, text)."""
    return [TextSample(text, Place(f"{n}.jpg", split="train", label=label)) for n, (label, text) in enumerate(rows)]


def test_texts_of_a_script_that_the_tokenizer_lacks() -> None:
    """All of two texts is unknown, and the two are one to it, under two labels."""
    found = {
        one.kind: one for one in token_findings("tiny", letters, samples(("A", "苹果"), ("B", "瓶子"), ("A", "cup")))
    }
    unknown, equal = found["unknown-tokens"], found["texts-made-equal"]
    assert unknown.level == equal.level == "warning"
    assert unknown.numbers == {"backbone": "tiny", "unknown": 4 / 7, "blank_texts": 2, "texts": 3}
    assert [place.file for place in unknown.places] == ["0.jpg", "1.jpg"]
    assert equal.numbers == {"backbone": "tiny", "texts": 2, "samples_of_two_classes": 2}


def test_samples_count_not_different_texts() -> None:
    """99 samples of a known text and one that isn't known: one letter in 298."""
    rows = samples(*[("A", "cup")] * 99, ("A", "é"))
    (found,) = token_findings("tiny", letters, rows)
    assert found.numbers["unknown"] == 1 / 298


def test_what_is_known_and_told_apart_is_no_finding() -> None:
    """Case and spaces are dropped by many tokenizers on purpose, and no texts are no finding either."""
    assert token_findings("tiny", letters, samples(("A", "Cup"), ("B", "cup"), ("A", "jar"))) == []
    assert token_findings("tiny", letters, []) == []
