"""Whether two models say the same: by bits, by decisions, by accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.numbers.sameness import Same, sameness, spread

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 200)
LOGITS = RNG.normal(size=(200, 3)).astype(np.float32)
LOGITS[np.arange(200), LABELS] += 2


def test_the_same_bits_are_exact() -> None:
    """Also with rows of NaN, which don't count."""
    gaps = LOGITS.copy()
    gaps[:5] = np.nan
    found = sameness(gaps, gaps.copy(), LABELS)
    assert (found.same, found.largest, found.decided_otherwise, found.samples) == (Same.EXACT, 0.0, 0, 195)


def test_one_other_bit_is_not_exact() -> None:
    """It is alike, and the difference is told."""
    other = LOGITS.copy()
    other[7, 1] = np.nextafter(other[7, 1], np.float32(9))
    found = sameness(LOGITS, other, LABELS)
    assert found.same == Same.ALIKE
    assert 0 < found.largest < 1e-6
    assert found.decided_otherwise == 0


def test_what_is_worse_beyond_chance_is_different() -> None:
    """And what decides a few samples otherwise isn't."""
    other = LOGITS.copy()
    other[:3] = -other[:3]
    assert sameness(LOGITS, other, LABELS).same == Same.ALIKE
    other[:60] = -LOGITS[:60]
    found = sameness(LOGITS, other, LABELS)
    assert found.same == Same.DIFFERENT
    assert found.again < found.before
    assert found.p < 0.05


def test_a_row_that_only_one_has_differs_infinitely() -> None:
    """NaN where there was a number is no small difference; other shapes are no comparison."""
    other = LOGITS.copy()
    other[0] = np.nan
    assert sameness(LOGITS, other, LABELS).largest == np.inf
    with pytest.raises(ValueError, match="same samples"):
        sameness(LOGITS, LOGITS[:5], LABELS)


def test_spread() -> None:
    """Mean and standard deviation as numpy has them; of one alone there is none."""
    assert spread([0.5, 0.7]).deviation == pytest.approx(np.std([0.5, 0.7], ddof=1))
    assert spread([0.5]).deviation is None
    assert spread([0.5, 0.7]).mean == pytest.approx(0.6)
