"""The rules that are compared, on pools of models whose best is known, and the error of what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from anytime_runs import POOL, RANDOM_TRIALS, study_config
from made_data import IMAGE, MODALITIES, TEXT
from selection_pool import Pool, Scores, Seen, averaged, halves
from selection_rules import ALPHAS, PAIRS, SINGLE, accuracy, best_pair, bounds_of, compared, pairs_of, together

from search.study.config import StudyConfig


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
    return Pool(Seen(labels, np.arange(240) // 3), own)


def test_halves_share_no_group(pool: Pool) -> None:
    """Every sample is in one half, alike ones together, and the halves are of a size."""
    some, others = halves(pool.seen.groups, np.random.default_rng(3))
    assert sorted([*some, *others]) == list(range(240))
    assert not set(pool.seen.groups[some]) & set(pool.seen.groups[others])
    assert abs(len(some) - len(others)) <= 3


def test_some_models_of_some_samples(pool: Pool) -> None:
    """A pool is cut by samples and drawn by models, the labels with them."""
    cut = pool.drawn(2, np.random.default_rng(0)).of(np.arange(10))
    assert [len(some) for some in cut.logits.values()] == [2, 2]
    assert all(one.shape == (10, 3) for some in cut.logits.values() for one in some)
    assert cut.seen.labels.tolist() == pool.seen.labels[:10].tolist()


@pytest.mark.parametrize("rule", SINGLE)
def test_every_rule_chooses_a_clearly_best_model(pool: Pool, rule: str) -> None:
    """However it weighs, a model that is far better is chosen."""
    for name in (IMAGE, TEXT):
        assert SINGLE[rule](pool.logits[name], pool.seen, np.random.default_rng(0)) == 1


@pytest.mark.parametrize("rule", PAIRS)
def test_every_rule_for_pairs_chooses_the_clearly_best_pair(pool: Pool, rule: str) -> None:
    """But that without a limit to how far a model may be behind, which may take any that adds something."""
    found = PAIRS[rule](pool, pairs_of(pool, np.random.default_rng(0)), np.random.default_rng(0))
    assert found[1] == 1
    assert found[0] == 1 or rule == "best pair of all"
    assert best_pair(pool) == (1, 1)


@pytest.mark.parametrize("rule", ALPHAS)
def test_every_alpha_is_a_weight(pool: Pool, rule: str) -> None:
    """From 0 to 1, and a fusion with it is no worse than the worse model."""
    image, text = pool.logits[IMAGE][1], pool.logits[TEXT][1]
    alpha = ALPHAS[rule](image, text, pool.seen, np.random.default_rng(0))
    assert 0 <= alpha <= 1
    labels = pool.seen.labels
    assert accuracy((1 - alpha) * image + alpha * text, labels) >= accuracy(image, labels)


def test_all_rules_are_compared_with_the_first(pool: Pool) -> None:
    """Of each kind the first is zero above itself; shares are shares; each kind has a bound."""
    found = compared(pool, 2, models=3)
    for rules in found.values():
        first = next(iter(rules.values()))
        assert first.above == first.standard_error == 0
        assert all(0 <= one.accuracy <= 1 for one in rules.values())
    assert together([found, found])["pair"].keys() == PAIRS.keys()
    assert [one.what.partition(":")[0] for one in bounds_of(found)] == [*found]


def test_a_differences_error_counts_groups_not_cuts() -> None:
    """However often the same samples are cut; and more sets make it smaller."""
    alike = np.repeat(np.arange(10) < 3, 6)
    for groups, expected in ((np.arange(60), (0.21 / 59) ** 0.5), (np.arange(60) // 6, (0.21 / 9) ** 0.5)):
        scores = Scores(groups)
        for _ in range(500):
            scores.note("none", np.arange(60), np.zeros(60, dtype=bool))
            scores.note("alike", np.arange(60), alike)
        found = scores.differences()["alike"]
        assert found.above == pytest.approx(0.3)
        assert found.standard_error == pytest.approx(expected)
        assert averaged([found, found]).standard_error == pytest.approx(found.standard_error / 2**0.5)


def test_a_pools_study_is_one_that_may_be_run(tmp_path: Path) -> None:
    """Random trials, none of them stopped."""
    config = StudyConfig.model_validate(study_config(RANDOM_TRIALS, tmp_path, tmp_path, POOL))
    for name in MODALITIES:
        assert (config.section(name).search.trials, config.section(name).search.method) == (16, "random")
