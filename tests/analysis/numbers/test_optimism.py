"""What choosing on val adds to a val accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.numbers.optimism import optimism


def studies(count: int, candidates: int, samples: int) -> list[np.ndarray]:
    """Candidates of the same accuracy, .85, each with errors of its own: (K, N)."""
    rng = np.random.default_rng(1)
    return [rng.random((candidates, samples)) < 0.85 for _ in range(count)]


def test_the_corrected_accuracy_is_nearer_to_the_truth() -> None:
    """Of the best of 20 equally good candidates, on average and in nearly all studies."""
    found = [optimism(one, [str(k) for k in range(20)], resamples=200) for one in studies(30, 20, 160)]
    raw, corrected = (np.array([getattr(one, what) for one in found]) - 0.85 for what in ("raw", "corrected"))
    assert abs(corrected.mean()) < 0.5 * abs(raw.mean())
    assert (np.abs(corrected) < np.abs(raw)).mean() >= 0.8


def test_a_single_candidate_is_chosen_and_not_corrected() -> None:
    """Nobody chose: nothing but the resamples' own chance is taken off."""
    (study,) = studies(1, 1, 400)
    found = optimism(study, ["only"])
    assert found.wins == {"only": pytest.approx(1.0)}
    assert found.corrected == pytest.approx(found.raw, abs=0.002)


def test_wins_of_variants_count_together() -> None:
    """Two rows of one candidate, as of two weights, are one; all wins are 1 in sum."""
    (study,) = studies(1, 3, 100)
    found = optimism(study, ["a", "a", "b"])
    assert set(found.wins) == {"a", "b"}
    assert sum(found.wins.values()) == pytest.approx(1.0)


def test_blocks_are_drawn_whole() -> None:
    """Copies of each sample say nothing more: choosing adds as much as among the samples themselves."""
    (study,) = studies(1, 20, 80)
    names = [str(k) for k in range(20)]
    once = optimism(study, names)
    copied = optimism(np.repeat(study, 5, axis=1), names, np.repeat(np.arange(80), 5))
    assert copied.corrected == pytest.approx(once.corrected, abs=1e-6)


def test_it_says_the_same_twice() -> None:
    """Its resamples are drawn with a seed of their own."""
    (study,) = studies(1, 5, 50)
    assert optimism(study, list("abcde")) == optimism(study, list("abcde"))


def test_candidates_have_names_and_samples() -> None:
    """Else the caller erred."""
    with pytest.raises(ValueError, match="K names"):
        optimism(np.ones((2, 3), bool), ["one"])
