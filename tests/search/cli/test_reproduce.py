"""What `binwise reproduce` says of trials that are the same, alike or different. The integration tests train some."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from analysis.numbers.sameness import Sameness, sameness, spread
from search.cli.reproduce import Reproduced, Reproduction, reproduction_lines

RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 3, 200)
LOGITS = (RNG.normal(size=(200, 3)) + 2 * np.eye(3)[LABELS]).astype(np.float32)


def with_flipped(rows: int) -> Sameness:
    """A model that says the contrary of the first samples."""
    other = LOGITS.copy()
    other[:rows] = -other[:rows]
    return sameness(LOGITS, other, LABELS)


def reproduction(same: Sameness, seeds: tuple[float, ...] = (), changed: tuple[str, ...] = ()) -> Reproduction:
    """One trial."""
    refit = spread(seeds) if seeds else None
    return Reproduction("mine", (Reproduced("text_001", 4, 9, "cpu", same, refit),), changed, Path("again"))


def test_the_same_bits_are_said_in_a_line() -> None:
    """And nothing of versions, which didn't matter."""
    found = reproduction(with_flipped(0), changed=("torch 2.0, now 2.1",))
    lines = reproduction_lines(found)
    assert lines[0].startswith("text_001, epoch 4, seed 9, cpu: the same bit for bit (val accuracy ")
    assert lines[1:] == ["Checkpoints: again"]
    assert not found.different


def test_what_is_alike_is_said_with_its_distance_and_reason() -> None:
    """How many samples are decided otherwise, both accuracies, and the versions that changed."""
    found = reproduction(with_flipped(2), changed=("torch 2.0, now 2.1",))
    lines = reproduction_lines(found)
    assert "alike, but not bit for bit" in lines[0]
    assert "2 of 200 val samples are decided otherwise" in lines[0]
    assert "torch 2.0, now 2.1" in lines[1]
    assert not found.different
    assert "another kind of processor" in reproduction_lines(reproduction(with_flipped(2)))[1].lower()


def test_what_is_different_is_said_so() -> None:
    """Where a test shows one to be better: then the command ends with 1."""
    found = reproduction(with_flipped(60))
    assert found.different
    assert ": different: logits differ by up to" in reproduction_lines(found)[0]


def test_other_seeds_and_their_spread() -> None:
    """Mean, standard deviation and range; one seed alone has no deviation."""
    several = reproduction_lines(reproduction(with_flipped(0), (0.7, 0.8)))[1]
    assert "2 other seeds, to the same epoch: val accuracy 75.0% on average, standard deviation 7.1 points" in several
    assert "from 70.0% to 80.0%" in several
    assert "standard deviation" not in reproduction_lines(reproduction(with_flipped(0), (0.7,)))[1]


def test_its_values_are_json() -> None:
    """Also where a row is missing in one of both, whose distance is no number."""
    other = LOGITS.copy()
    other[0] = np.nan
    raw = reproduction(sameness(LOGITS, other, LABELS), (0.5,)).as_dict()
    again = json.loads(json.dumps(raw, allow_nan=False))
    assert again["trials"][0]["sameness"]["largest"] is None
    assert again["trials"][0]["refit"]["accuracies"] == [0.5]
