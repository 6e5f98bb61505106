"""Two models on the same samples: exact chances, and no gain said where none is shown."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from analysis.numbers.paired import Verdict, compared, holm, sign_p, verdict


def brute(sums: list[int]) -> float:
    """The mid-p over all signs."""
    total = abs(sum(sums))
    found = [
        abs(sum(sign * abs(one) for sign, one in zip(signs, sums, strict=True)))
        for signs in product((-1, 1), repeat=len(sums))
    ]
    more = sum(one > total for one in found) + 0.5 * sum(one == total for one in found)
    return 1.0 if total == 0 else more / len(found)


@given(st.lists(st.tuples(st.integers(-1, 1), st.integers(0, 5)), min_size=1, max_size=30))
def test_with_blocks_it_is_all_signs_counted(samples: list[tuple[int, int]]) -> None:
    """The exact distribution is that of trying every sign of every block."""
    differences = np.array([one for one, _ in samples])
    blocks = np.array([block for _, block in samples])
    sums = [int(differences[blocks == block].sum()) for block in np.unique(blocks)]
    assert sign_p(differences, blocks) == pytest.approx(brute(sums), abs=1e-12)


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=200))
def test_blocks_of_one_are_mcnemars_test(differences: list[int]) -> None:
    """Both ways of computing it say the same."""
    given_ = np.array(differences)
    assert sign_p(given_, np.arange(len(given_))) == pytest.approx(sign_p(given_), abs=1e-9)


def test_mcnemars_mid_p_of_a_known_table() -> None:
    """1 and 9 discordant samples: twice the chance of at most 1 of 10, less that of just 1."""
    differences = np.array([1] + [-1] * 9 + [0] * 40)
    assert sign_p(differences) == pytest.approx(2 * binom.cdf(1, 10, 0.5) - binom.pmf(1, 10, 0.5))


def test_a_gain_of_chance_is_said_seldom() -> None:
    """Of 1,000 pairs of equally good models at most about 5 % are told apart, also where samples come in sessions."""
    rng = np.random.default_rng(0)
    blocks = np.arange(210) // 7
    said = {"none": 0, "blocks": 0}
    for _ in range(1000):
        ones, others = rng.random(210) < 0.85, rng.random(210) < 0.85
        said["none"] += compared(ones, others).verdict != Verdict.NOT_SHOWN
        lucky = (rng.random((2, 30)) < 0.85)[:, blocks]
        said["blocks"] += compared(lucky[0], lucky[1], blocks).verdict != Verdict.NOT_SHOWN
    assert said["none"] <= 65
    assert said["blocks"] <= 65


def test_a_comparison_counts_who_alone_is_right() -> None:
    """Gain, counts and verdict of a clear case, and the same seen from the other side."""
    ones = np.arange(100) < 90
    others = np.arange(100) < 60
    found, turned = compared(ones, others), compared(others, ones)
    assert (found.only_first, found.only_second, found.verdict) == (30, 0, Verdict.BETTER)
    assert found.gain == pytest.approx(0.3)
    assert found.gain in found.interval
    assert (turned.verdict, turned.p) == (Verdict.WORSE, found.p)


def test_no_gain_is_never_shown() -> None:
    """However small p: a gain of 0 is none."""
    assert verdict(0.0, 0.001) == Verdict.NOT_SHOWN


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(0, 1), min_size=1, max_size=5))
def test_holms_step_down(ps: dict[str, float]) -> None:
    """No p gets smaller, none passes one that was above it, and the least is Bonferroni's."""
    found = holm(ps)
    assert list(found) == list(ps)
    assert all(found[name] >= ps[name] for name in ps)
    order = sorted(ps, key=lambda name: ps[name])
    assert [found[name] for name in order] == sorted(found.values())
    assert found[order[0]] == pytest.approx(min(1.0, len(ps) * ps[order[0]]))
