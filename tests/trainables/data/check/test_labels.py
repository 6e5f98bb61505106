"""Classes with few samples."""

from __future__ import annotations

import numpy as np

from trainables.data.check.labels import FEW, few_samples
from trainables.data.samples import Split


def split(**counts: int) -> Split:
    """So many samples of each class."""
    labels = np.repeat(np.arange(len(counts)), list(counts.values()))
    return Split(tuple(map(str, range(len(labels)))), labels, tuple(counts), {})


def test_absent_and_small_classes_are_named_the_smallest_first() -> None:
    """In the split that lacks them, with their numbers, and what it means."""
    found = few_samples({"train": split(A=9, B=5, C=5), "val": split(A=5, B=FEW - 1, C=0)})
    assert [(one.kind, one.level) for one in found] == [("few-samples", "warning")]
    assert found[0].title == ('Val has few samples of 2 classes: none of "C", 4 of "B"; a score says little about them')
    assert found[0].numbers["counts"] == {"C": 0, "B": 4}


def test_many_small_classes_are_counted() -> None:
    """Five are named."""
    found = few_samples({"train": split(**{f"class{number}": 1 for number in range(8)}, large=50)})
    assert "few samples of 8 classes" in found[0].title
    assert "and 3 classes more; a model hardly learns them" in found[0].title
    assert len(found[0].places) == 8
