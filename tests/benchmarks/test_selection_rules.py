"""The rules that are compared, on pools of models whose best is known."""

from __future__ import annotations

import numpy as np
import pytest
from made_data import IMAGE, TEXT
from selection_rules import ALPHAS, SINGLE, Pool, accuracy, best_pair, compared, halves, pair_of_each


def models(labels: np.ndarray, shares: list[float], seed: int) -> list[np.ndarray]:
    """Logits that are right about these shares of the samples."""
    rng = np.random.default_rng(seed)
    found = []
    for share in shares:
        said = np.where(rng.random(len(labels)) < share, labels, (labels + 1) % 3)
        found.append(np.eye(3)[said] * 3 + rng.normal(0, 0.3, (len(labels), 3)))
    return found


@pytest.fixture
def pool() -> Pool:
    """A clearly best model of each modality, at place 1."""
    labels = np.random.default_rng(0).integers(0, 3, 240)
    own = {IMAGE: models(labels, [0.5, 0.8, 0.4], 1), TEXT: models(labels, [0.4, 0.9, 0.5], 2)}
    return Pool(labels, np.arange(240) // 3, own)


def test_halves_share_no_group(pool: Pool) -> None:
    """Every sample is in one half, alike ones together, and the halves are of a size."""
    some, others = halves(pool.groups, np.random.default_rng(3))
    assert sorted([*some, *others]) == list(range(240))
    assert not set(pool.groups[some]) & set(pool.groups[others])
    assert abs(len(some) - len(others)) <= 3


@pytest.mark.parametrize("rule", SINGLE)
def test_every_rule_chooses_a_clearly_best_model(pool: Pool, rule: str) -> None:
    """However it weighs, a model that is far better is chosen."""
    for name in (IMAGE, TEXT):
        assert SINGLE[rule](pool.logits[name], pool.labels, np.random.default_rng(0)) == 1


@pytest.mark.parametrize("rule", ALPHAS)
def test_every_alpha_is_a_weight(pool: Pool, rule: str) -> None:
    """From 0 to 1, and a fusion with it is no worse than the worse model."""
    image, text = pool.logits[IMAGE][1], pool.logits[TEXT][1]
    alpha = ALPHAS[rule](image, text, pool.labels, np.random.default_rng(0))
    assert 0 <= alpha <= 1
    assert accuracy((1 - alpha) * image + alpha * text, pool.labels) >= accuracy(image, pool.labels)


def test_pairs_are_places_in_the_pool(pool: Pool) -> None:
    """The best of each, and the best pair of those near them, are the clearly best ones."""
    rows, rng = np.arange(240), np.random.default_rng(0)
    assert pair_of_each(pool, rows, rng) == (1, 1)
    assert best_pair(pool, rows, rng) == (1, 1)


def test_all_rules_are_compared_with_the_first(pool: Pool) -> None:
    """Of each kind the first is zero above itself; shares are shares."""
    for rules in compared(pool, 2).values():
        first = next(iter(rules.values()))
        assert first["above the first"] == 0
        assert all(0 <= one["held-out accuracy"] <= 1 for one in rules.values())
