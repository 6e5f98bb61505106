"""What is taken for what, drawn for few classes and for many."""

from __future__ import annotations

import io

import numpy as np
import pytest
from modality_names import IMAGE, TEXT
from PIL import Image

from analysis.numbers.metrics import Scores, score
from analysis.report.canvas import DOTS_PER_INCH, WIDTH, short_name
from analysis.report.confusion_plots import MOST_CLASSES, confusion_figure
from analysis.report.plot_data import confusion_info, worst_pairs_info
from analysis.report.theme import DARK

NASTY = ("a $\\frac$ b", "<script>", "x|y\nz", "a very long class name that no axis has room for")


def is_png(content: bytes) -> bool:
    """Whether the bytes are a whole picture of the report's width."""
    image = Image.open(io.BytesIO(content), formats=["PNG"])
    image.load()
    return image.width == WIDTH * DOTS_PER_INCH


def named(size: int) -> tuple[str, ...]:
    """Classes whose names look like mathematics or markup."""
    return tuple(f"{NASTY[n % 4]} {n}" for n in range(size))


def mistaken(classes: tuple[str, ...]) -> Scores:
    """Nine samples a class, of which two of class n are taken for the next one; in class 0 five are."""
    labels = np.repeat(np.arange(len(classes)), 9)
    wrong = np.tile(np.arange(9), len(classes)) < np.where(labels == 0, 5, 2)
    return score(np.where(wrong, (labels + 1) % len(classes), labels), labels, classes)


def test_confusion_shares_are_of_the_true_class() -> None:
    """Each row's shares sum to 1, and to 0 for an absent class."""
    info = confusion_info(IMAGE, score([0, 1, 1, 1], [0, 0, 1, 1], ("a", "b", "c")), ("a", "b", "c"))
    assert info.shares.tolist() == [[0.5, 0.5, 0], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("size", [2, 4, 12, 25])
def test_confusion_draws_any_number_of_classes(size: int) -> None:
    """Two classes or many, with names that look like mathematics or markup, are drawn."""
    classes = named(size)
    scores = score(np.arange(size), np.arange(size)[::-1], classes)
    assert is_png(confusion_figure({IMAGE: scores, TEXT: scores, "fused": scores}, classes))


def test_of_many_classes_the_worst_pairs_are_drawn() -> None:
    """The pair most confused first, no more pairs than there is room for, on both grounds; also where none is wrong."""
    classes = named(MOST_CLASSES + 1)
    scores = mistaken(classes)
    info = worst_pairs_info(IMAGE, scores, classes)
    assert info.pairs[:2] == ((classes[0], classes[1]), (classes[1], classes[2]))
    assert info.counts == (5, *[2] * 14)
    assert info.shares[0] == pytest.approx(5 / 9)
    right = score(np.arange(len(classes)), np.arange(len(classes)), classes)
    assert worst_pairs_info(TEXT, right, classes).pairs == ()
    few = confusion_figure({IMAGE: scores, TEXT: right, "fused": scores}, classes, DARK)
    assert is_png(few)
    assert is_png(confusion_figure({IMAGE: right}, classes))


def test_names_are_cut_by_what_they_take() -> None:
    """Wide letters count twice, combining ones not at all; a name that fits stays whole."""
    assert short_name("short\nname") == "short name"
    assert short_name("class of things 123", 12) == "class o… 123"
    assert short_name("玻璃瓶子一二三", 8) == "玻璃…三"
    assert short_name("玻璃瓶", 6) == "玻璃瓶"
    assert short_name("e\u0301" * 5, 5) == "e\u0301" * 5
