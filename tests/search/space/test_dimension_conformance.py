"""What holds for every kind of dimension: a further one needs a strategy here, and these laws ask the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from search.space.conditions import active
from search.space.corners import end_points
from search.space.dimensions import TYPES, AnyDimension, Choice, Dimension, FloatRange, IntRange

finite = st.floats(-1e6, 1e6)
scalars = st.none() | st.booleans() | st.integers(-99, 99) | finite | st.text(max_size=5)
listed = st.lists(scalars | st.lists(st.integers(0, 9), max_size=3).map(tuple), min_size=1, max_size=5)


@st.composite
def float_ranges(draw: st.DrawFn) -> FloatRange:
    """With a step, with a log scale, or with neither."""
    if draw(st.booleans()):
        low, steps = draw(st.integers(-50, 50)), draw(st.integers(0, 30))
        return FloatRange(low=low / 10, high=(low + steps) / 10, step=draw(st.integers(1, 9)) / 10)
    low, high = sorted((draw(finite), draw(finite)))
    return FloatRange(low=low, high=high, log=low > 0 and draw(st.booleans()))


@st.composite
def int_ranges(draw: st.DrawFn) -> IntRange:
    """With a step or with a log scale."""
    low = draw(st.integers(-1000, 1000))
    high = low + draw(st.integers(0, 1000))
    if low > 0 and draw(st.booleans()):
        return IntRange(low=low, high=high, log=True)
    return IntRange(low=low, high=high, step=draw(st.integers(1, 50)))


def choices() -> st.SearchStrategy[Choice]:
    """Values that differ for Python and once they are stored."""
    return listed.filter(_differ).map(lambda values: Choice(choices=tuple(values)))


def _differ(values: list[Any]) -> bool:
    stored = {json.dumps(value) if isinstance(value, tuple) else value for value in values}
    return len(set(values)) == len(stored) == len(values)


STRATEGIES: dict[str, st.SearchStrategy[Any]] = {"float": float_ranges(), "int": int_ranges(), "choice": choices()}
KINDS = pytest.mark.parametrize("kind", list(TYPES))


def test_every_kind_is_asked() -> None:
    """None is left out, and each is told by its own word."""
    assert set(STRATEGIES) == set(TYPES)


@KINDS
@given(data=st.data())
def test_its_values_are_its_own(kind: str, data: st.DataObject) -> None:
    """It contains its ends and all that it lists, which its ends bound; none of these is clamped."""
    dimension: Dimension = data.draw(STRATEGIES[kind])
    values = dimension.values
    assert (values[0], values[-1]) == dimension.ends
    assert all(dimension.contains(value) for value in values)
    assert [dimension.clamped(value) for value in values] == values
    if dimension.numeric:
        assert values == sorted(values)
        assert not dimension.contains(dimension.ends[0] - 1)
        assert not dimension.contains(dimension.ends[1] + dimension.ends[1] - dimension.ends[0] + 1)
    assert not dimension.contains(object())


@KINDS
@given(data=st.data())
def test_stored_values_turn_back(kind: str, data: st.DataObject) -> None:
    """By way of Optuna and of JSON a value comes back as itself, and what isn't its own is refused."""
    dimension: Dimension = data.draw(STRATEGIES[kind])
    distribution = dimension.distribution()
    for value in dimension.values:
        stored = dimension.to_optuna(value)
        assert distribution._contains(distribution.to_internal_repr(stored))
        back = dimension.from_optuna(json.loads(json.dumps(stored)))
        assert back == value
        assert isinstance(back, bool) == isinstance(value, bool)
    with pytest.raises(ValueError, match="must lie in "):
        dimension.to_optuna(object())


@KINDS
@given(data=st.data())
def test_one_value_is_one_for_optuna_too(kind: str, data: st.DataObject) -> None:
    """Both say of the same dimensions that they hold one value alone."""
    dimension: Dimension = data.draw(STRATEGIES[kind])
    assert dimension.single == dimension.distribution().single()
    assert dimension.single == (dimension.ends[0] == dimension.ends[1] and len(dimension.values) <= 2)


@KINDS
@given(data=st.data())
def test_written_it_is_read_as_an_equal_one(kind: str, data: st.DataObject) -> None:
    """As the record has it; `when` is the last of its keys, and its words tell its condition."""
    dimension: Dimension = data.draw(STRATEGIES[kind])
    raw = dimension.model_dump(mode="json")
    assert (next(iter(raw)), list(raw)[-1]) == ("type", "when")
    adapter: TypeAdapter[Dimension] = TypeAdapter(AnyDimension)
    assert adapter.validate_json(json.dumps(raw), strict=True) == dimension
    conditional = adapter.validate_python(raw | {"when": {"fit": ["pad"]}})
    assert conditional.describe() == f'{dimension.describe()}, where fit is "pad"'
    assert dimension.widening


@KINDS
@given(data=st.data())
def test_its_corners(kind: str, data: st.DataObject) -> None:
    """Its ends are among the corners, each of them a trial that the space has."""
    dimension: Dimension = data.draw(STRATEGIES[kind])
    corners = end_points({"key": dimension})
    assert [corners[0]["key"], corners[min(1, len(corners) - 1)]["key"]] == list(dimension.ends)
    assert all(dimension.contains(corner["key"]) and active({"key": dimension}, corner) for corner in corners)
