"""A space's way to Optuna and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import create_study
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.logging import WARNING, set_verbosity
from optuna.samplers import RandomSampler
from pydantic import ValidationError
from sampler_fakes import CONDITIONAL, EVERY_KIND, LOWEST

from search.space.dimensions import Choice
from search.space.optuna import from_optuna, to_distributions, to_optuna

set_verbosity(WARNING)

OWN = {"heat": 9.0, "momentum": 0.0, "schedule": "flat", "widths": (8,), "kind": "adam", "rate": 1e-3, "decay": 0.1}
finite = st.floats(-1e6, 1e6)
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | finite | st.text(max_size=8)
choices = st.lists(scalars | st.lists(st.integers(0, 9) | finite, max_size=3).map(tuple), min_size=1, max_size=6)


def test_the_space_becomes_optunas_distributions() -> None:
    """Each type has its distribution; a high end that no step reaches is moved down, lists become JSON text."""
    assert to_distributions(EVERY_KIND) == {
        "rate": FloatDistribution(1e-5, 1e-2, log=True),
        "dropout": FloatDistribution(0.0, 0.5, step=0.1),
        "size": IntDistribution(32, 128, step=32),
        "widths": CategoricalDistribution(["[512, 256]", "[256]", "[]"]),
        "momentum": CategoricalDistribution([None, 0.1, 0.03]),
        "fit": CategoricalDistribution(["pad", "crop"]),
    }


def test_whatever_optuna_proposes_lies_in_the_space() -> None:
    """Every proposal turns into trial values that the dimensions contain, and back into what Optuna stored."""
    study = create_study(sampler=RandomSampler(seed=0))
    for _ in range(50):
        params = study.ask(to_distributions(EVERY_KIND)).params
        values = from_optuna(EVERY_KIND, params)
        assert all(EVERY_KIND[key].contains(value) for key, value in values.items())
        assert to_optuna(EVERY_KIND, values) == params


@given(choices)
def test_stored_choices_turn_back(values: list[Any]) -> None:
    """Storing is reversible for every choice, type included, and what is stored is a category that Optuna takes."""
    try:
        space = {"key": Choice(choices=tuple(values))}
    except ValidationError:
        return  # equal choices
    for value in values:
        stored = to_optuna(space, {"key": value})
        assert stored["key"] is None or isinstance(stored["key"], bool | int | float | str)
        back = from_optuna(space, json.loads(json.dumps(stored)))["key"]
        assert (back, type(back)) == (value, type(value))


def test_values_outside_of_the_space_are_not_stored() -> None:
    """Storing names the key, its dimension and the value; keys that aren't searched are left out."""
    assert to_optuna(EVERY_KIND, {**LOWEST, "other": 3}) == {**LOWEST, "widths": "[512, 256]"}
    with pytest.raises(ValueError, match=r"`size` must lie in 32 to 128, step 32, but got 33\."):
        to_optuna(EVERY_KIND, {**LOWEST, "size": 33})
    with pytest.raises(ValueError, match=r"must have a value, but size has none"):
        to_optuna(EVERY_KIND, {key: value for key, value in LOWEST.items() if key != "size"})


def test_stored_values_of_another_space_are_refused() -> None:
    """A key or a choice that the space doesn't have is named: the record belongs to another space."""
    with pytest.raises(ValueError, match=r"`lr` must be searched, but the space has only rate, dropout"):
        from_optuna(EVERY_KIND, {"lr": 1})
    with pytest.raises(ValueError, match=r'`fit` must be one of "pad" \| "crop", but got \'squash\''):
        from_optuna(EVERY_KIND, {"fit": "squash"})


def test_only_active_keys_are_stored() -> None:
    """What isn't active needs no value that its dimension contains, and none at all."""
    stored = to_optuna(CONDITIONAL, OWN)
    assert stored == {"widths": "[8]", "kind": "adam", "rate": 1e-3, "decay": 0.1, "schedule": "flat"}
    assert to_optuna(CONDITIONAL, from_optuna(CONDITIONAL, stored)) == stored
    with pytest.raises(ValueError, match="must have a value, but momentum has none"):
        to_optuna(CONDITIONAL, from_optuna(CONDITIONAL, stored | {"kind": "sgd"}))
