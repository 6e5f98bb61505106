"""The dimensions of a search space as data: ranges and choices from the YAML, each with all that is asked of it.

A trial value is what a trial's config takes (a tuple for head widths); a stored value is what Optuna keeps, whose
categories can only be null, true or false, numbers and text. Lists are stored as their JSON text.

A dimension with `when` is searched only in some trials (`search/space/conditions.py`): the others have neither a stored
value nor a place in a corner for it. A further kind of dimension is one class here and its name in `AnyDimension`.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, model_validator

from search.space.values import Stored, choice_value, is_number, listed, same, stored_choice

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
# Any: pydantic would warn when it dumps what its own copy of the type doesn't describe, a list that was a tuple.
ChoiceValue = Annotated[Any, PlainValidator(choice_value)]
# By the key of another dimension, a choice: the values of it with which this one is searched.
Conditions = dict[str, Annotated[tuple[ChoiceValue, ...], Field(min_length=1)]]


class Frozen(BaseModel):
    """A value that refuses unknown keys and can't be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Dimension(Frozen, ABC):
    """The values that one hyperparameter may have."""

    numeric: ClassVar[bool]  # whether its values have an order, as numbers do
    widening: ClassVar[str]  # how a person puts one more value into it

    if TYPE_CHECKING:  # declared by each class, after its own fields: the order in which it is written
        type: str
        when: Conditions

    @property
    @abstractmethod
    def ends(self) -> tuple[Any, Any]:
        """The lowest and the highest value that it holds; of a choice the first and the last one."""

    @property
    @abstractmethod
    def values(self) -> list[Any]:
        """Every value where they can be listed, both ends of real numbers."""

    @property
    @abstractmethod
    def single(self) -> bool:
        """Whether it holds one value alone."""

    @abstractmethod
    def contains(self, value: object) -> bool:
        """Whether the trial value is one that the search could propose."""

    @abstractmethod
    def clamped(self, value: Any) -> Any:
        """The value, or the end of its range that rounding took it beyond."""

    @abstractmethod
    def distribution(self) -> BaseDistribution:
        """Optuna's, over the stored values."""

    @abstractmethod
    def from_optuna(self, stored: Any) -> Any:
        """The trial value of a stored one. ValueError, as the end of a sentence, where there is none."""

    @abstractmethod
    def _stored(self, value: Any) -> Stored:
        """A trial value that it contains, as Optuna keeps it."""

    @abstractmethod
    def _words(self) -> str:
        """Its values in words."""

    def to_optuna(self, value: Any) -> Stored:
        """The stored value of a trial value. ValueError, as the end of a sentence, where it lies outside."""
        if not self.contains(value):
            raise ValueError(f"must lie in {self.describe()}, but got {value!r}.")
        return self._stored(value)

    def describe(self) -> str:
        """In words: `1e-05 to 0.01, log`, `16 to 64, step 16`, `16 | 32, where fit is "pad"`."""
        conditions = " and ".join(f"{parent} is {listed(wanted)}" for parent, wanted in self.when.items())
        return f"{self._words()}, where {conditions}" if conditions else self._words()


class _Range(Dimension):
    """Numbers from `low` to `high`."""

    numeric = True
    widening = "widen the range"

    if TYPE_CHECKING:
        low: float
        high: float
        log: bool

    @property
    def _spacing(self) -> float | None:
        """Between two values, where it was asked for."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _sound(self) -> Self:
        faults = _range_faults(self.low, self.high, self.log, self._spacing)
        if faults:
            raise ValueError(" ".join(faults))
        return self

    @property
    def single(self) -> bool:
        """Whether both ends are the same."""
        low, high = self.ends
        return bool(low == high)

    def clamped(self, value: Any) -> Any:
        """The value, or the nearer end."""
        low, high = self.ends
        return min(max(value, low), high)

    def _words(self) -> str:
        words = f"{self.low:g} to {self.high:g}"
        words += ", log" if self.log else ""
        return words + ("" if self._spacing is None else f", step {self._spacing:g}")


class FloatRange(_Range):
    """All numbers from `low` to `high`, or every `step`-th from `low` on; `log` samples the exponent evenly."""

    type: Literal["float"] = "float"
    low: Finite
    high: Finite
    log: StrictBool = False
    step: Finite | None = None
    when: Conditions = Field(default_factory=dict)

    @property
    def _spacing(self) -> float | None:
        return self.step

    @property
    def ends(self) -> tuple[float, float]:
        """`low`, and the highest value that is reached from it in whole steps."""
        if self.step is None:
            return self.low, self.high
        # Decimal, as in Optuna: 0.3 is three steps of 0.1, which binary fractions miss.
        low, high, step = (Decimal(str(number)) for number in (self.low, self.high, self.step))
        return self.low, float(low + (high - low) // step * step)

    @property
    def values(self) -> list[float]:
        """The lowest and the highest value: a range of floats has no list of them."""
        return list(self.ends)

    def contains(self, value: object) -> bool:
        """Whether it lies within, a whole number of steps from `low`."""
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        steps = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(steps - round(steps)) < 1e-8

    def distribution(self) -> BaseDistribution:
        """Optuna's float distribution, up to the highest value that is reached in whole steps."""
        from optuna.distributions import FloatDistribution

        low, high = self.ends
        return FloatDistribution(low, high, log=self.log, step=self.step)

    def from_optuna(self, stored: Any) -> float:
        """The trial value, a float."""
        return float(stored)

    def _stored(self, value: Any) -> float:
        return float(value)


class IntRange(_Range):
    """Whole numbers from `low` to `high`, every `step`-th of them."""

    type: Literal["int"] = "int"
    low: Whole
    high: Whole
    log: StrictBool = False
    step: Whole = 1
    when: Conditions = Field(default_factory=dict)

    @property
    def _spacing(self) -> float | None:
        # A step of 1 is every whole number, which log samples too: Optuna's rule.
        return None if self.step == 1 else self.step

    @property
    def ends(self) -> tuple[int, int]:
        """`low`, and the highest value that is reached from it in whole steps."""
        return self.low, self.low + (self.high - self.low) // self.step * self.step

    @property
    def values(self) -> list[int]:
        """Every value that a trial may have."""
        return list(range(self.low, self.high + 1, self.step))

    def contains(self, value: object) -> bool:
        """Whether it lies within, a whole number of steps from `low`."""
        return is_number(value) and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def distribution(self) -> BaseDistribution:
        """Optuna's integer distribution, up to the highest value that is reached in whole steps."""
        from optuna.distributions import IntDistribution

        low, high = self.ends
        return IntDistribution(low, high, log=self.log, step=self.step)

    def from_optuna(self, stored: Any) -> int:
        """The trial value, a whole number."""
        return int(stored)

    def _stored(self, value: Any) -> int:
        return int(value)


class Choice(Dimension):
    """One of the listed values, with no order among them."""

    numeric = False
    widening = "add it to the choices"

    type: Literal["choice"] = "choice"
    choices: tuple[ChoiceValue, ...]
    when: Conditions = Field(default_factory=dict)

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.choices:
            raise ValueError("`len(choices) >= 1` must hold, but got (choices=[]).")
        # Equal for Python (1, 1.0 and true; [1] and [1.0]), or equal once stored ([1] and "[1]").
        if min(len(set(self.choices)), len({stored_choice(choice) for choice in self.choices})) < len(self.choices):
            told = json.dumps(self.choices)
            raise ValueError(f"`choices` must be unique (1, 1.0 and true are equal), but got (choices={told}).")
        return self

    @property
    def ends(self) -> tuple[Any, Any]:
        """The first and the last one."""
        return self.choices[0], self.choices[-1]

    @property
    def values(self) -> list[Any]:
        """Every value that a trial may have."""
        return list(self.choices)

    @property
    def single(self) -> bool:
        """Whether there is but one choice."""
        return len(self.choices) == 1

    def contains(self, value: object) -> bool:
        """Whether it is one of them."""
        return any(same(value, choice) for choice in self.choices)

    def clamped(self, value: Any) -> Any:
        """The value: nothing is rounded."""
        return value

    def distribution(self) -> BaseDistribution:
        """Optuna's categorical distribution over the choices as they are stored."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([stored_choice(choice) for choice in self.choices])

    def from_optuna(self, stored: Any) -> Any:
        """The one that is stored so."""
        for choice in self.choices:
            if same(stored, stored_choice(choice)):
                return choice
        raise ValueError(f"must be one of {self.describe()}, but got {stored!r}.")

    def _stored(self, value: Any) -> Stored:
        return next(stored_choice(choice) for choice in self.choices if same(value, choice))

    def _words(self) -> str:
        return listed(self.choices)


_Union = FloatRange | IntRange | Choice
AnyDimension = Annotated[_Union, Field(discriminator="type")]  # as pydantic reads one: by its `type`
TYPES: Mapping[str, type[Dimension]] = {one.model_fields["type"].default: one for one in get_args(_Union)}
Space = Mapping[str, Dimension]


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


def describe(space: Space) -> list[tuple[str, str]]:
    """Each key with its dimension in words, for a table."""
    return [(key, dimension.describe()) for key, dimension in space.items()]
