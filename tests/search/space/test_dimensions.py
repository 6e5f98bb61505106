"""The search space as data."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import create_study
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.logging import WARNING, set_verbosity
from optuna.samplers import RandomSampler
from pydantic import TypeAdapter, ValidationError

from search.space.dimensions import (
    Choice,
    Dimension,
    FloatRange,
    IntRange,
    contains,
    describe,
    end_points,
    from_optuna,
    to_distributions,
    to_optuna,
)

set_verbosity(WARNING)

SPACE = {
    "rate": FloatRange(low=1e-5, high=1e-2, log=True),
    "dropout": FloatRange(low=0, high=0.55, step=0.1),
    "size": IntRange(low=32, high=128, step=32),
    "widths": Choice(choices=([512, 256], [256], [])),
    "momentum": Choice(choices=(None, 0.1, 0.03)),
    "fit": Choice(choices=("pad", "crop")),
}
LOWEST = {"rate": 1e-5, "dropout": 0.0, "size": 32, "widths": (512, 256), "momentum": None, "fit": "pad"}

finite = st.floats(-1e6, 1e6)
scalars = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | finite | st.text(max_size=8)
choices = st.lists(scalars | st.lists(st.integers(0, 9) | finite, max_size=3).map(tuple), min_size=1, max_size=6)


@st.composite
def float_ranges(draw: st.DrawFn) -> FloatRange:
    """Sound ranges of numbers."""
    low, high = sorted((draw(finite), draw(finite)))
    return FloatRange(low=low, high=high, log=low > 0 and draw(st.booleans()))


@st.composite
def int_ranges(draw: st.DrawFn) -> IntRange:
    """Sound ranges of whole numbers."""
    low = draw(st.integers(-1000, 1000))
    return IntRange(low=low, high=low + draw(st.integers(0, 1000)), step=draw(st.integers(1, 50)))


@pytest.mark.parametrize(
    ("dimension", "message"),
    [
        ({"type": "float", "low": 3, "high": 1}, "`low <= high` must hold, but got (low=3.0, high=1.0)."),
        ({"type": "int", "low": 3, "high": 1}, "`low <= high` must hold, but got (low=3, high=1)."),
        (
            {"type": "float", "low": 0, "high": 1, "log": True},
            "`low > 0` must hold for a log range, but got (low=0.0).",
        ),
        ({"type": "int", "low": 0, "high": 1, "log": True}, "`low > 0` must hold for a log range, but got (low=0)."),
        ({"type": "float", "low": 0, "high": 1, "step": 0}, "`step > 0` must hold, but got (step=0.0)."),
        ({"type": "int", "low": 0, "high": 1, "step": 0}, "`step > 0` must hold, but got (step=0)."),
        ({"type": "float", "low": 1, "high": 2, "log": True, "step": 0.5}, "`step` and `log` exclude each other"),
        ({"type": "int", "low": 1, "high": 9, "log": True, "step": 2}, "`step` and `log` exclude each other"),
        ({"type": "float", "low": math.nan, "high": 1}, "finite number"),
        ({"type": "float", "low": 0, "high": math.inf}, "finite number"),
        ({"type": "float", "low": "0", "high": 1}, "valid number"),
        ({"type": "float", "low": True, "high": 1}, "valid number"),
        ({"type": "int", "low": 1.5, "high": 2}, "valid integer"),
        ({"type": "choice", "choices": []}, "`len(choices) >= 1` must hold, but got (choices=[])."),
        ({"type": "choice", "choices": ["a", "a"]}, "`choices` must be unique"),
        ({"type": "choice", "choices": [1, True]}, "(1, 1.0 and true are equal), but got (choices=[1, true])."),
        ({"type": "choice", "choices": [[1], [1.0]]}, "`choices` must be unique"),
        ({"type": "choice", "choices": [[1, 2], "[1, 2]"]}, "`choices` must be unique"),
        ({"type": "choice", "choices": [{"a": 1}]}, 'a list of finite numbers, but got {"a": 1}.'),
        ({"type": "choice", "choices": [[1, "a"]]}, 'but got [1, "a"].'),
        ({"type": "choice", "choices": [math.nan]}, "but got NaN."),
        ({"type": "flaot", "low": 0, "high": 1}, "'float', 'int', 'choice'"),
    ],
)
def test_an_unsound_dimension_is_refused(dimension: dict[str, Any], message: str) -> None:
    """Each rule of a dimension is stated, with what was given."""
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Dimension).validate_python(dimension)
    assert message in str(error.value)


def test_all_faults_of_a_range_come_at_once() -> None:
    """A range that breaks three rules says so three times."""
    with pytest.raises(ValidationError) as error:
        FloatRange(low=-1, high=-2, log=True, step=-1)
    assert all(rule in str(error.value) for rule in ("`low <= high`", "`low > 0`", "`step > 0`"))


def test_a_dimension_is_frozen() -> None:
    """A dimension can't be changed after it was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        SPACE["rate"].low = 1  # type: ignore[union-attr, misc]


def test_the_space_becomes_optunas_distributions() -> None:
    """Each type has its distribution; a high end that no step reaches is moved down, lists become JSON text."""
    assert to_distributions(SPACE) == {
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
        params = study.ask(to_distributions(SPACE)).params
        values = from_optuna(SPACE, params)
        assert all(contains(SPACE[key], value) for key, value in values.items())
        assert to_optuna(SPACE, values) == params


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


@given(float_ranges() | int_ranges())
def test_end_points_are_contained(dimension: FloatRange | IntRange) -> None:
    """The ends of any range are values that it could propose; what lies beyond isn't."""
    for corner in end_points({"key": dimension}):
        assert contains(dimension, corner["key"])
        assert to_optuna({"key": dimension}, corner) == corner
    assert not contains(dimension, dimension.low - 1)
    assert not contains(dimension, dimension.high + 1)


@pytest.mark.parametrize(
    ("dimension", "inside", "outside"),
    [
        (FloatRange(low=0, high=1), [0, 0.5, 1], [-0.1, 1.1, True, None, "0.5", math.nan]),
        (FloatRange(low=0, high=1, step=0.1), [0.3, 0.7, 1], [0.35]),
        (IntRange(low=2, high=9, step=3), [2, 5, 8, 5.0], [3, 9, 5.5, True, None]),
        (Choice(choices=(1, "a", None, [1, 2])), [1, 1.0, "a", None, (1, 2), [1, 2]], [True, "b", (1,), 0]),
        (Choice(choices=(False,)), [False], [0, None]),
    ],
)
def test_contains(dimension: FloatRange | IntRange | Choice, inside: list[Any], outside: list[Any]) -> None:
    """A range holds its numbers and a choice its values; true is no number."""
    assert [value for value in inside if not contains(dimension, value)] == []
    assert [value for value in outside if contains(dimension, value)] == []


def test_corners_are_low_high_and_each_choice() -> None:
    """All low, all high, and every choice with the rest low, none twice."""
    corners = end_points(SPACE)
    high = {"rate": 1e-2, "dropout": 0.5, "size": 128, "widths": (), "momentum": 0.03, "fit": "crop"}
    assert corners[:2] == [LOWEST, high]
    assert corners[2:] == [
        {**LOWEST, "widths": (256,)},
        {**LOWEST, "widths": ()},
        {**LOWEST, "momentum": 0.1},
        {**LOWEST, "momentum": 0.03},
        {**LOWEST, "fit": "crop"},
    ]
    assert end_points({}) == [{}]


def test_values_outside_of_the_space_are_not_stored() -> None:
    """Storing names the key, its dimension and the value; keys that aren't searched are left out."""
    assert to_optuna(SPACE, {**LOWEST, "other": 3}) == {**LOWEST, "widths": "[512, 256]"}
    with pytest.raises(ValueError, match=r"`size` must lie in 32 to 128, step 32, but got 33\."):
        to_optuna(SPACE, {**LOWEST, "size": 33})
    with pytest.raises(ValueError, match=r"must have a value, but size has none"):
        to_optuna(SPACE, {key: value for key, value in LOWEST.items() if key != "size"})


def test_stored_values_of_another_space_are_refused() -> None:
    """A key or a choice that the space doesn't have is named: the record belongs to another space."""
    with pytest.raises(ValueError, match=r"`lr` must be searched, but the space has only rate, dropout"):
        from_optuna(SPACE, {"lr": 1})
    with pytest.raises(ValueError, match=r'`fit` must be one of "pad" \| "crop", but got \'squash\''):
        from_optuna(SPACE, {"fit": "squash"})


def test_the_space_in_words() -> None:
    """Each dimension has a line that can be read in a table."""
    assert describe(SPACE) == [
        ("rate", "1e-05 to 0.01, log"),
        ("dropout", "0 to 0.55, step 0.1"),
        ("size", "32 to 128, step 32"),
        ("widths", "[512, 256] | [256] | []"),
        ("momentum", "null | 0.1 | 0.03"),
        ("fit", '"pad" | "crop"'),
    ]


def test_optuna_waits_until_it_is_needed() -> None:
    """Reading a study imports neither Optuna nor torch nor Ray, so that the command line answers at once."""
    code = "import sys, search.study.yaml_file; print({'optuna', 'torch', 'ray'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
