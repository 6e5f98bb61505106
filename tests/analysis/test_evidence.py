"""Which samples count as one draw, and what choosing on val adds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from analysis_fakes import split, trial
from modality_names import IMAGE, TEXT

from analysis.choice import Choice
from analysis.evidence import blocks_of, measured_optimism
from analysis.numbers.pairs import Candidate
from trainables.heads.folds import groups_of

MODALITIES = [(TEXT,), (IMAGE, TEXT), ("a", "b", "c")]


def lucky(count: int, names: tuple[str, ...], rng: np.random.Generator, samples: int) -> dict[str, list[Candidate]]:
    """Models of chance's accuracy of two classes, the best on these samples first; all true classes are 0."""
    found = {}
    for name in names:
        logits = rng.standard_normal((count, samples, 2))
        order = np.argsort(-(logits.argmax(axis=2) == 0).mean(axis=1))
        found[name] = [Candidate(f"{name}_{place}", logits[at]) for place, at in enumerate(order)]
    return found


@pytest.mark.parametrize("names", MODALITIES)
def test_what_is_mere_choice_is_told(names: tuple[str, ...]) -> None:
    """Of models that guess, the best is above one half by choice alone: much of that is taken off."""
    labels = np.zeros(150, dtype=np.int64)
    candidates = lucky(10, names, np.random.default_rng(0), len(labels))
    first = {name: dataclasses.replace(trial(TEXT, 0, (0.5,)), trial_id=f"{name}_0") for name in names}
    found = measured_optimism(Choice(first, candidates), None, labels, None)
    assert found is not None
    assert found.raw > 0.55
    assert 0.3 * (found.raw - 0.5) < found.added < 1.5 * (found.raw - 0.5)
    assert sum(found.wins.values()) == pytest.approx(1)


def test_without_val_logits_nothing_is_told() -> None:
    """A study of an earlier version kept none."""
    assert measured_optimism(Choice({}, {}), None, np.zeros(3, dtype=np.int64), None) is None


def test_alike_names_are_one_block(tmp_path: Path) -> None:
    """Three pictures of one object each: blocks; names that are all different, or say no more than the class: none."""
    part = split("val", 60, tmp_path)
    sessions = {row: f"thing {'abcdefghijklmnopqrst'[row // 3]} {row}" for row in range(60)}
    found = blocks_of(groups_of(split("other", 60, tmp_path, sessions)))
    assert found is not None
    assert len(np.unique(found)) == 20
    assert blocks_of(groups_of(part)) is None
