"""The search space as data: ranges and choices from the YAML, and their way to Optuna's distributions and back.

A trial value is what a trial's config takes (a tuple for head widths); a stored value is what Optuna keeps, whose
categories can only be null, true or false, numbers and text. Lists are stored as their JSON text.

A dimension with `when` is searched only in some trials (`search/conditions.py`): the others have neither a stored value
nor a place in a corner for it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, model_validator

from search.space.conditions import activating, active, same

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Scalar = None | bool | int | float | str
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _choice(value: object) -> object:
    """One choice as a trial value."""
    if value is None or isinstance(value, bool | str) or is_number(value):
        return value
    if isinstance(value, list | tuple) and all(is_number(item) for item in value):
        return tuple(value)
    raise ValueError(
        "a choice must be text, a finite number, true, false, null or a list of finite numbers, "
        f"but got {json.dumps(value, default=str)}."
    )


# Any: pydantic would warn when it dumps what its own copy of the type doesn't describe, a list that was a tuple.
ChoiceValue = Annotated[Any, PlainValidator(_choice)]
# By the key of another dimension, a choice: the values of it with which this one is searched.
Conditions = dict[str, Annotated[tuple[ChoiceValue, ...], Field(min_length=1)]]


class Frozen(BaseModel):
    """A value that refuses unknown keys and can't be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FloatRange(Frozen):
    """All numbers from `low` to `high`, or every `step`-th from `low` on; `log` samples the exponent evenly."""

    type: Literal["float"] = "float"
    low: Finite
    high: Finite
    log: StrictBool = False
    step: Finite | None = None
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _raise_faults(_range_faults(self.low, self.high, self.log, self.step))
        return self


class IntRange(Frozen):
    """Whole numbers from `low` to `high`, every `step`-th of them."""

    type: Literal["int"] = "int"
    low: Whole
    high: Whole
    log: StrictBool = False
    step: Whole = 1
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        # A step of 1 is every whole number, which log samples too: Optuna's rule.
        step = None if self.step == 1 else self.step
        _raise_faults(_range_faults(self.low, self.high, self.log, step))
        return self


class Choice(Frozen):
    """One of the listed values, with no order among them."""

    type: Literal["choice"] = "choice"
    choices: tuple[ChoiceValue, ...]
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.choices:
            raise ValueError("`len(choices) >= 1` must hold, but got (choices=[]).")
        # Equal for Python (1, 1.0 and true; [1] and [1.0]), or equal once stored ([1] and "[1]").
        if min(len(set(self.choices)), len({_stored(choice) for choice in self.choices})) < len(self.choices):
            listed = json.dumps(self.choices)
            raise ValueError(f"`choices` must be unique (1, 1.0 and true are equal), but got (choices={listed}).")
        return self


Dimension = Annotated[FloatRange | IntRange | Choice, Field(discriminator="type")]
Space = Mapping[str, FloatRange | IntRange | Choice]


def _range_faults(low: float, high: float, log: bool, step: float | None) -> list[str]:
    """What is wrong with a range."""
    faults = []
    if not low <= high:
        faults.append(f"`low <= high` must hold, but got (low={low}, high={high}).")
    if log and not low > 0:
        faults.append(f"`low > 0` must hold for a log range, but got (low={low}).")
    if step is not None and not step > 0:
        faults.append(f"`step > 0` must hold, but got (step={step}).")
    if step is not None and log:
        faults.append(f"`step` and `log` exclude each other, but got (step={step}, log=true). Leave one out.")
    return faults


def _raise_faults(faults: list[str]) -> None:
    """ValueError with all of them, where there are any."""
    if faults:
        raise ValueError(" ".join(faults))


def _stored(value: Any) -> Scalar:
    """A choice as Optuna keeps it."""
    return json.dumps(value) if isinstance(value, tuple) else value


def _top(dimension: FloatRange | IntRange) -> float:
    """The highest value that is reached from `low` in whole steps."""
    if isinstance(dimension, IntRange):
        return dimension.low + (dimension.high - dimension.low) // dimension.step * dimension.step
    if dimension.step is None:
        return dimension.high
    # Decimal, as in Optuna: 0.3 is three steps of 0.1, which binary fractions miss.
    low, high, step = (Decimal(str(number)) for number in (dimension.low, dimension.high, dimension.step))
    return float(low + (high - low) // step * step)


def contains(dimension: FloatRange | IntRange | Choice, value: object) -> bool:
    """Whether the trial value is one that the search could propose."""
    if isinstance(dimension, Choice):
        return any(same(value, choice) for choice in dimension.choices)
    if not is_number(value) or not dimension.low <= value <= dimension.high:
        return False
    if isinstance(dimension, IntRange):
        return (value - dimension.low) % dimension.step == 0
    steps = 0.0 if dimension.step is None else (value - dimension.low) / dimension.step
    return abs(steps - round(steps)) < 1e-8


def clamped(dimension: FloatRange | IntRange | Choice, value: Any) -> Any:
    """The value, or the end of its range that rounding took it beyond."""
    return value if isinstance(dimension, Choice) else min(max(value, dimension.low), _top(dimension))


def in_space(space: Space, own: Mapping[str, object], values: Mapping[str, object]) -> bool:
    """Whether the search could propose a trial: its active keys lie in their dimensions, the others are as the own."""
    searched = set(active(space, values))
    return all(contains(space[k], v) if k in searched else v == own[k] for k, v in values.items())


def to_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each dimension."""
    return {key: _distribution(dimension) for key, dimension in space.items()}


def _distribution(dimension: FloatRange | IntRange | Choice) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution([_stored(choice) for choice in dimension.choices])
    if isinstance(dimension, IntRange):
        return IntDistribution(dimension.low, int(_top(dimension)), log=dimension.log, step=dimension.step)
    return FloatDistribution(dimension.low, _top(dimension), log=dimension.log, step=dimension.step)


def to_optuna(space: Space, values: Mapping[str, object]) -> dict[str, Any]:
    """The stored values of a trial's active keys; keys that aren't active or outside of the space are left out.

    ValueError where an active key is missing or its value lies outside of its dimension.
    """
    searched = active(space, values)
    missing = [key for key in searched if key not in values]
    if missing:
        raise ValueError(f"Every searched key must have a value, but {', '.join(missing)} has none.")
    return {key: _to_stored(key, space[key], values[key]) for key in searched}


def _to_stored(key: str, dimension: FloatRange | IntRange | Choice, value: Any) -> Scalar:
    if not contains(dimension, value):
        raise ValueError(f"`{key}` must lie in {describe_dimension(dimension)}, but got {value!r}.")
    if isinstance(dimension, Choice):
        return next(_stored(choice) for choice in dimension.choices if same(value, choice))
    return int(value) if isinstance(dimension, IntRange) else float(value)


def from_optuna(space: Space, params: Mapping[str, object]) -> dict[str, Any]:
    """The trial values of Optuna's stored ones. ValueError where a key or a choice isn't in the space."""
    return {key: _from_stored(space, key, value) for key, value in params.items()}


def _from_stored(space: Space, key: str, value: Any) -> object:
    if key not in space:
        raise ValueError(f"`{key}` must be searched, but the space has only {', '.join(space) or 'nothing'}.")
    dimension = space[key]
    if isinstance(dimension, IntRange):
        return int(value)
    if isinstance(dimension, FloatRange):
        return float(value)
    for choice in dimension.choices:
        if same(value, _stored(choice)):
            return choice
    raise ValueError(f"`{key}` must be one of {describe_dimension(dimension)}, but got {value!r}.")


def end_points(space: Space) -> list[dict[str, Any]]:
    """The corners that a preflight tries: all at the low end, all at the high end, and each choice with the rest low.

    A choice's low end is its first value. Keys that aren't active are left out; each that has conditions is active in
    one corner at the low end and in one at the high end. No dict comes twice; an empty space has one empty corner.
    """
    low = {key: d.choices[0] if isinstance(d, Choice) else d.low for key, d in space.items()}
    high = {key: d.choices[-1] if isinstance(d, Choice) else _top(d) for key, d in space.items()}
    listed = [(key, choice) for key, d in space.items() if isinstance(d, Choice) for choice in d.choices]
    ends = [low, high, *({**low, **activating(space, key), key: choice} for key, choice in listed)]
    ends += [{**end, **activating(space, key)} for key, d in space.items() if d.when for end in (low, high)]
    corners: list[dict[str, Any]] = []
    for end in ends:
        corner = {key: end[key] for key in active(space, end)}
        if corner not in corners:
            corners.append(corner)
    return corners


def describe(space: Space) -> list[tuple[str, str]]:
    """Each key with its dimension in words, for a table."""
    return [(key, describe_dimension(dimension)) for key, dimension in space.items()]


def describe_dimension(dimension: FloatRange | IntRange | Choice) -> str:
    """One dimension in words: `1e-05 to 0.01, log`, `16 to 64, step 16`, `16 | 32, where fit is "pad"`."""
    if isinstance(dimension, Choice):
        words = _listed(dimension.choices)
    else:
        words = f"{dimension.low:g} to {dimension.high:g}"
        if dimension.log:
            words += ", log"
        if dimension.step is not None and (isinstance(dimension, FloatRange) or dimension.step != 1):
            words += f", step {dimension.step:g}"
    conditions = " and ".join(f"{parent} is {_listed(wanted)}" for parent, wanted in dimension.when.items())
    return f"{words}, where {conditions}" if conditions else words


def _listed(choices: tuple[Any, ...]) -> str:
    return " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)
