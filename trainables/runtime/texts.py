"""Texts before they are tokenized: cleaned, taken from a file's name, or found to say nothing."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence

PICTURE_ENDINGS = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
RAW = "raw"
_SEPARATORS = str.maketrans("_-.", "   ")
_DIGITS = re.compile(r"\d*")


def is_picture_name(name: str) -> bool:
    """Whether a file name has one of the PICTURE_ENDINGS, in any case."""
    return os.path.splitext(name)[1].lower() in PICTURE_ENDINGS


def name_text(name: str) -> str:
    """A picture's name without its ending: `old_bottle_3.jpg` -> `old_bottle_3`.

    What looks like no file ending stays: of `3.5 inch pipe` everything.
    """
    stem, ending = os.path.splitext(name)
    return stem if is_picture_name(name) or re.fullmatch(r"\.[A-Za-z][A-Za-z0-9]{0,4}", ending) else name


def clean(text: str, cleaning: str) -> str:
    """`raw` leaves a text as it is; `words` makes separators spaces, drops the closing counter and folds the case.

    A text that is nothing but a counter, such as `1234`, stays as it is: no text becomes empty.
    """
    if cleaning == RAW:
        return text
    spaced = " ".join(text.translate(_SEPARATORS).split())
    return _without_counter(spaced).casefold() or text


def _without_counter(text: str) -> str:
    """Without the digits at its end: looked for from there, since `\\d+$` would try each digit as the first."""
    digits = len(_DIGITS.match(text[::-1])[0])  # type: ignore[index]  # an empty match is one
    return text[: len(text) - digits].rstrip() if digits else text


def decoded(text: str) -> str:
    """A text that has an encoding: no tokenizer takes the half characters that stand for undecodable bytes."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def is_blank(captions: Sequence[str]) -> bool:
    """Whether there is nothing to read: no character but spaces and what can't be seen, in none of the captions."""
    letters = "".join(captions)
    return all(letter.isspace() or unicodedata.category(letter) in ("Cc", "Cf") for letter in letters)
