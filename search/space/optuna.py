"""A space's way to Optuna and back: its distributions, and the values that Optuna keeps of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from search.space.conditions import active
from search.space.dimensions import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def to_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distribution of each dimension."""
    return {key: dimension.distribution() for key, dimension in space.items()}


def to_optuna(space: Space, values: Mapping[str, object]) -> dict[str, Any]:
    """The stored values of a trial's active keys; keys that aren't active or outside of the space are left out.

    ValueError where an active key is missing or its value lies outside of its dimension.
    """
    searched = active(space, values)
    missing = [key for key in searched if key not in values]
    if missing:
        raise ValueError(f"Every searched key must have a value, but {', '.join(missing)} has none.")
    return {key: _stored(space, key, values[key]) for key in searched}


def _stored(space: Space, key: str, value: object) -> Any:
    try:
        return space[key].to_optuna(value)
    except ValueError as error:
        raise ValueError(f"`{key}` {error}") from error


def from_optuna(space: Space, params: Mapping[str, object]) -> dict[str, Any]:
    """The trial values of Optuna's stored ones. ValueError where a key or a choice isn't in the space."""
    return {key: _trial_value(space, key, stored) for key, stored in params.items()}


def _trial_value(space: Space, key: str, stored: object) -> Any:
    if key not in space:
        raise ValueError(f"`{key}` must be searched, but the space has only {', '.join(space) or 'nothing'}.")
    try:
        return space[key].from_optuna(stored)
    except ValueError as error:
        raise ValueError(f"`{key}` {error}") from error
