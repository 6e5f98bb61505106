"""The models that go best together are found, whatever they are worth alone."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from analysis.numbers.fusion import alpha_curve, best_alpha
from analysis.numbers.mixture import best_mixture
from analysis.numbers.pairs import Candidate, best_together

SAMPLES, CLASSES = 24, 3


def candidates(rng: np.random.Generator, count: int, labels: NDArray[np.int64], name: str) -> list[Candidate]:
    """Models that are right more often than not, with few different logits, so that many pairs tie."""
    found = []
    for number in range(count):
        logits = rng.integers(-2, 3, size=(len(labels), CLASSES)).astype(float)
        logits[np.arange(len(labels)), labels] += rng.integers(0, 3)
        found.append(Candidate(f"{name}_{number}", logits, (float(rng.integers(1, 3)),)))
    return found


def accuracy(one: Candidate, other: Candidate, labels: NDArray[np.int64]) -> float:
    """Of the pair's best fusion."""
    return best_alpha(alpha_curve(one.logits, other.logits, labels)).accuracy


@given(seed=st.integers(0, 2**32 - 1), first=st.integers(1, 4), second=st.integers(1, 4))
def test_the_best_of_all_pairs_is_found(seed: int, first: int, second: int) -> None:
    """As trying all of them one after the other finds it."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, SAMPLES)
    ones, others = candidates(rng, first, labels, "a"), candidates(rng, second, labels, "b")
    found = best_together({"a": ones, "b": others}, labels)
    best = max(accuracy(one, other, labels) for one, other in product(ones, others))
    assert accuracy(found["a"], found["b"], labels) == best


def test_the_best_pair_need_not_be_the_pair_of_the_best() -> None:
    """One that is weaker alone, but errs on other samples, is taken."""
    labels = np.zeros(10, dtype=np.int64)

    def model(name: str, wrong: range, margin: float = 1.0) -> Candidate:
        logits = np.tile([margin, 0.0], (10, 1))
        logits[list(wrong)] = [-0.4 * margin, 0.0]
        return Candidate(name, logits)

    strong, same, other = model("strong", range(3)), model("same", range(3)), model("other", range(6, 10))
    found = best_together({"a": [strong], "b": [same, other]}, labels)
    assert found["b"].name == "other"


def test_of_equal_pairs_the_surer_then_the_cheaper_then_the_first() -> None:
    """All are right everywhere."""
    labels = np.zeros(4, dtype=np.int64)
    weak, sure = np.tile([1.0, 0.0], (4, 1)), np.tile([3.0, 0.0], (4, 1))
    own = [Candidate("a", weak, (1.0,))]
    by_loss = best_together({"a": own, "b": [Candidate("weak", weak, (1.0,)), Candidate("sure", sure, (9.0,))]}, labels)
    by_cost = best_together(
        {"a": own, "b": [Candidate("dear", sure, (2.0,)), Candidate("cheap", sure, (1.0,))]}, labels
    )
    first = best_together({"a": own, "b": [Candidate("one", sure, (1.0,)), Candidate("two", sure, (1.0,))]}, labels)
    assert (by_loss["b"].name, by_cost["b"].name, first["b"].name) == ("sure", "cheap", "one")


@settings(max_examples=25)  # each is a dozen climbs
@given(seed=st.integers(0, 2**16))
def test_with_three_modalities_no_single_exchange_gains(seed: int) -> None:
    """And the result is never below the best of each."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, SAMPLES)
    given_ = {name: candidates(rng, 2, labels, name) for name in "abc"}

    def right(chosen: dict[str, Candidate]) -> int:
        mixture = best_mixture({name: one.logits for name, one in chosen.items()}, labels)
        return round(mixture.accuracy * SAMPLES)

    found = best_together(given_, labels)
    assert right(found) >= right({name: own[0] for name, own in given_.items()})
    assert all(right({**found, name: one}) <= right(found) for name, own in given_.items() for one in own)


def test_a_modality_alone_has_its_first_and_one_without_any_is_refused() -> None:
    """Nothing is fused."""
    labels = np.zeros(2, dtype=np.int64)
    one = Candidate("one", np.zeros((2, 2)))
    assert best_together({"a": [one]}, labels) == {"a": one}
    with pytest.raises(ValueError, match="must have a candidate"):
        best_together({"a": [one], "b": []}, labels)
