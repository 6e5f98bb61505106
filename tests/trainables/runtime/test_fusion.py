"""How a bundle's modalities decide together: as the study's do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.numbers.mixture import mix
from trainables.runtime.errors import UserError
from trainables.runtime.fusion import LinearFusion, checked_weights, fused, log_softmax, softmax

NAMES = ("one", "two", "three")


@given(st.integers(0, 2**32 - 1), st.sampled_from([(0.2, 0.3, 0.5), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)]))
def test_the_fusion_is_the_studys(seed: int, shares: tuple[float, ...]) -> None:
    """Also of samples that lack a modality, and of those whose modalities weigh nothing."""
    rng = np.random.default_rng(seed)
    logits = {name: rng.normal(size=(6, 4)) for name in NAMES}
    for row, name in zip(range(5), rng.choice(NAMES, 5), strict=True):
        logits[name][row] = np.nan
    weights = dict(zip(NAMES, shares, strict=True))
    assert np.allclose(fused(logits, weights), mix(logits, weights))


def test_a_fusion_by_matrices_is_read_back_as_it_was() -> None:
    """Through JSON, to the bit; what it isn't is an error."""
    rng = np.random.default_rng(0)
    matrices = {name: tuple(map(tuple, rng.normal(size=(3, 3)).tolist())) for name in NAMES[:2]}
    fusion = LinearFusion({"one": 0.7, "two": 1.3}, matrices, tuple(rng.normal(size=3).tolist()))
    assert LinearFusion.parsed(json.loads(json.dumps(asdict(fusion)))) == fusion
    with pytest.raises(KeyError):
        LinearFusion.parsed({"matrices": {}, "bias": []})


def test_log_probabilities_of_logits_whose_exponentials_overflow() -> None:
    """They are finite, and those of the probabilities."""
    assert np.allclose(np.exp(log_softmax(np.array([[1000.0, 999.0, 0.0]]))), softmax(np.array([[1000.0, 999.0, 0.0]])))


def test_probabilities_are_1_in_sum() -> None:
    """Also of logits whose exponentials overflow."""
    assert softmax(np.array([[1000.0, 0.0], [0.0, 0.0]])).tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_alpha_is_the_second_ones_weight() -> None:
    """A number for two, one by name for any."""
    assert checked_weights(0.25, NAMES[:2]) == {"one": 0.75, "two": 0.25}
    assert checked_weights({"two": 1, "one": 0}, NAMES[:2]) == {"one": 0.0, "two": 1.0}


@pytest.mark.parametrize(
    "wrong", [1.5, -0.1, float("nan"), True, "0.5", {"one": 1}, {"one": 0.5, "two": 0.6}, {"one": 2, "two": -1}]
)
def test_weights_out_of_range_are_refused(wrong: Any) -> None:
    """With what they must be."""
    with pytest.raises(UserError, match="weights must be"):
        checked_weights(wrong, NAMES[:2])
