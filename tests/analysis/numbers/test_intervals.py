"""Intervals of shares and of gains: known values, laws, and what they cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from analysis.numbers.intervals import Interval, gain_interval, share_interval


def right(count: int, of: int) -> np.ndarray:
    """So many of so many are right."""
    return np.arange(of) < count


@given(st.integers(1, 300).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_without_blocks_it_is_wilsons(shares: tuple[int, int]) -> None:
    """As scipy has it."""
    count, of = shares
    expected = binomtest(count, of).proportion_ci(method="wilson")
    found = share_interval(right(count, of))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_agresti_and_mins_gain() -> None:
    """Of 100 samples 12 that only the first is right about and 4 that only the second is: by their formula by hand."""
    ones, others = right(52, 100), np.concatenate([np.zeros(12, bool), np.ones(44, bool), np.zeros(44, bool)])
    assert int((ones & ~others).sum()) == 12
    others[60:64], ones[60:64] = True, False
    others[52:56] = False
    first, second = (12 + 0.5) / 102, (4 + 0.5) / 102
    half = 1.959964 * np.sqrt((first + second - (first - second) ** 2) / 102)
    found = gain_interval(ones, others)
    assert (found.low, found.high) == pytest.approx((first - second - half, first - second + half), abs=1e-6)


def test_blocks_of_copies_are_worth_one_sample_each() -> None:
    """Twenty sessions, each ten times the same sample, say no more than about twenty samples."""
    once = right(14, 20)
    blocks = np.repeat(np.arange(20), 10)
    found, alone = share_interval(np.repeat(once, 10), blocks), share_interval(once)
    wide, narrow = found.high - found.low, alone.high - alone.low
    assert wide == pytest.approx(narrow, rel=0.15)
    unblocked = share_interval(np.repeat(once, 10))
    assert wide > 2 * (unblocked.high - unblocked.low)


def test_one_sample_a_block_is_no_blocks() -> None:
    """Names of blocks say nothing."""
    some = right(7, 12)
    assert share_interval(some, np.arange(12) * 3 + 5) == share_interval(some)


@pytest.mark.parametrize("blocks", [np.zeros(8, np.int64), np.repeat([0, 1], 4), None])
@pytest.mark.parametrize("share", [0, 8])
def test_all_right_or_all_wrong_stays_a_share(blocks: np.ndarray | None, share: int) -> None:
    """No interval leaves 0 to 1, nor is it empty, however few blocks there are."""
    found = share_interval(right(share, 8), blocks)
    assert 0 <= found.low < found.high <= 1
    assert share / 8 in found


def test_a_share_needs_a_sample() -> None:
    """None is an error of the caller."""
    with pytest.raises(ValueError, match="one sample or more"):
        share_interval(np.zeros(0, bool))


@pytest.mark.parametrize("size", [1, 10])
def test_they_cover_what_they_promise(size: int) -> None:
    """Of 400 simulated splits of 200 samples, some in sessions that resemble each other, about 95 % hold the truth."""
    rng = np.random.default_rng(size)
    blocks = np.arange(200) // size
    held = {"share": 0, "gain": 0}
    for _ in range(400):
        chances = rng.beta(0.85 * 9, 0.15 * 9, 200)[blocks] if size > 1 else np.full(200, 0.85)
        ones = rng.random(200) < chances
        redone = rng.random(200) < 0.3
        others = np.where(redone, rng.random(200) < 0.8, ones)
        held["share"] += 0.85 in share_interval(ones, blocks)
        held["gain"] += 0.3 * 0.05 in gain_interval(ones, others, blocks)
    assert 0.92 <= held["share"] / 400 <= 0.98
    assert held["gain"] / 400 >= 0.92


def test_an_interval_holds_its_ends() -> None:
    """Both ends belong to it."""
    assert 0.1 in Interval(0.1, 0.2)
    assert 0.2 in Interval(0.1, 0.2)
    assert 0.21 not in Interval(0.1, 0.2)
