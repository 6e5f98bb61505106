"""Conformal sets hold the true class as often as promised; who abstains is right more often."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analysis.numbers.abstention import LEVELS, SHARES, abstentions, conformal_sets
from analysis.wording import empty_sets_note

Split = tuple[NDArray[np.float64], NDArray[np.int64]]


def drawn(rng: np.random.Generator, samples: int, classes: int = 4) -> Split:
    """Logits that lean to the true class, and the labels."""
    labels = rng.integers(classes, size=samples)
    logits = rng.normal(size=(samples, classes))
    logits[np.arange(samples), labels] += 1.5
    return logits, labels


@pytest.mark.parametrize("classes", [2, 10])
def test_sets_cover_what_they_promise_within_two_points(classes: int) -> None:
    """On average over 300 studies of 150 val and 200 other samples."""
    rng = np.random.default_rng(classes)
    covered = [
        [one.covered for one in conformal_sets(drawn(rng, 150, classes), drawn(rng, 200, classes))] for _ in range(300)
    ]
    assert np.abs(np.mean(covered, axis=0) - LEVELS).max() < 0.02


def test_sets_grow_with_what_they_promise() -> None:
    """A higher level needs larger sets; of very few val samples a high level takes every class."""
    rng = np.random.default_rng(1)
    found = conformal_sets(drawn(rng, 400), drawn(rng, 400))
    assert [one.mean_size for one in found] == sorted(one.mean_size for one in found)
    assert all(one.covered in one.interval for one in found)
    few = conformal_sets(drawn(rng, 5), drawn(rng, 50))[-1]
    assert (few.threshold, few.covered, few.mean_size, few.single) == (0.0, 1.0, 4.0, 0.0)


def test_a_set_may_be_empty_where_more_is_right_than_promised() -> None:
    """So that no more than the level is held; the report says so in words, and only there."""
    rng = np.random.default_rng(6)
    labels = rng.integers(0, 3, 4000)
    logits = rng.normal(size=(4000, 3))
    logits[np.arange(4000), labels] += 5
    sets = conformal_sets((logits[:2000], labels[:2000]), (logits[2000:], labels[2000:]))
    assert sets[0].mean_size == pytest.approx(sets[0].covered, abs=0.01)
    assert sets[0].covered == pytest.approx(0.8, abs=0.02)
    assert "sets may be empty" in empty_sets_note([one.mean_size for one in sets])
    assert empty_sets_note([1.0, 1.4]) == ""


def test_who_abstains_is_right_more_often() -> None:
    """The share that is answered is about that of val; all of it is the plain accuracy."""
    rng = np.random.default_rng(2)
    val, other = drawn(rng, 2000), drawn(rng, 2000)
    found = abstentions(val, other)
    assert found[0].answered == 1.0
    assert found[0].accuracy == float((other[0].argmax(axis=1) == other[1]).mean())
    assert [one.accuracy for one in found] == sorted(one.accuracy or 0 for one in found)
    assert max(abs(one.answered - share) for one, share in zip(found, SHARES, strict=True)) < 0.03


def test_where_nothing_is_sure_enough_there_is_no_accuracy() -> None:
    """Samples that are all less sure than half of val."""
    sure = np.array([[9.0, 0.0]] * 10), np.zeros(10, dtype=np.int64)
    unsure = np.array([[0.1, 0.0]] * 10), np.zeros(10, dtype=np.int64)
    last = abstentions(sure, unsure)[-1]
    assert (last.answered, last.accuracy, last.interval) == (0.0, None, None)
