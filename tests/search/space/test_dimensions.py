"""The search space as data: each dimension's rules, what it holds, its words."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from sampler_fakes import EVERY_KIND

from search.space.dimensions import AnyDimension, Choice, Dimension, FloatRange, IntRange, describe


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
        TypeAdapter(AnyDimension).validate_python(dimension)
    assert message in str(error.value)


def test_all_faults_of_a_range_come_at_once() -> None:
    """A range that breaks three rules says so three times."""
    with pytest.raises(ValidationError) as error:
        FloatRange(low=-1, high=-2, log=True, step=-1)
    assert all(rule in str(error.value) for rule in ("`low <= high`", "`low > 0`", "`step > 0`"))


def test_a_dimension_is_frozen() -> None:
    """A dimension can't be changed after it was checked."""
    with pytest.raises(ValidationError, match="frozen"):
        EVERY_KIND["rate"].low = 1  # type: ignore[union-attr, misc]


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
def test_contains(dimension: Dimension, inside: list[Any], outside: list[Any]) -> None:
    """A range holds its numbers and a choice its values; true is no number."""
    assert [value for value in inside if not dimension.contains(value)] == []
    assert [value for value in outside if dimension.contains(value)] == []


def test_the_space_in_words() -> None:
    """Each dimension has a line that can be read in a table."""
    assert describe(EVERY_KIND) == [
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
