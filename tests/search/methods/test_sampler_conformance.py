"""Beside Optuna's own loop and Ray's OptunaSearch: given the same generators, they propose the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optuna
import pytest
from ray.tune.search.optuna import OptunaSearch
from sampler_fakes import SPACE, quality, sampler

from search.methods.draws import draw_seed, make_sampler
from search.methods.sampler import Sampler
from search.space.optuna import from_optuna, to_distributions
from trainables.records import StopReason

SEED, STARTUP = 3, 3
METHODS = ["tpe", "random", "cmaes", "gp"]
Setting = Callable[[optuna.samplers.BaseSampler], None]


def prepared(method: str, number: int, setting: Setting) -> None:
    """Give the other side the generator that our draw of this number has."""
    seed = draw_seed(SEED, number)
    setting(make_sampler(method, seed=seed, startup_trials=STARTUP, parallel=False))


def ours(method: str, number: int, one: Sampler) -> tuple[dict[str, Any], float]:
    """Our next trial, run to its end; its values and its val accuracy."""
    values = one.propose(number)
    assert all(SPACE[key].contains(value) for key, value in values.items())
    one.ended(number, StopReason.COMPLETED, [quality(values)])
    return values, quality(values)


@pytest.mark.parametrize("method", METHODS)
def test_proposals_equal_optunas(method: str) -> None:
    """In a history of complete trials, one at a time, each proposal is what `ask` gives, parameter by parameter."""
    if method == "cmaes":
        pytest.importorskip("cmaes")
    one, study = sampler(method=method, parallel=False), optuna.create_study(direction="maximize")
    for number in range(6 if method == "gp" else 40):
        prepared(method, number, lambda made: setattr(study, "sampler", made))
        trial = study.ask(to_distributions(SPACE))
        values, reached = ours(method, number, one)
        assert values == from_optuna(SPACE, trial.params)
        study.tell(trial, reached)
    assert [t.params for t in one.study.trials] == [t.params for t in study.trials]
    assert [t.distributions for t in one.study.trials] == [t.distributions for t in study.trials]
    assert [(t.state, t.values) for t in one.study.trials] == [(t.state, t.values) for t in study.trials]


@pytest.mark.parametrize("method", ["tpe", "random"])
def test_proposals_equal_rays(method: str) -> None:
    """Ray's searcher, over the same distributions, gives the same values in such a history."""
    first = make_sampler(method, seed=0, startup_trials=STARTUP, parallel=False)
    rays = OptunaSearch(space=to_distributions(SPACE), metric="val_accuracy", mode="max", sampler=first)
    one = sampler(method=method, parallel=False)
    for number in range(20):
        prepared(method, number, lambda made: setattr(rays._ot_study, "sampler", made))
        suggested = rays.suggest(str(number))
        values, reached = ours(method, number, one)
        assert values == from_optuna(SPACE, suggested)
        rays.on_trial_complete(str(number), {"val_accuracy": reached, "training_iteration": 1})
