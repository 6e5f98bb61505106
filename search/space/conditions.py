"""Conditions between the dimensions of a space: one with `when` is searched only where others have certain values.

The others are its parents, choices of the same space. It is active where every parent is active itself and has one of
the values that `when` lists for it. Elsewhere a trial has the section's own value for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from search.space.dimensions import Space
from search.space.values import listed, same


def search_order(space: Space) -> list[str]:
    """The keys with each one's parents before it, else as they stand; without those that wait for themselves."""
    placed: list[str] = []
    while ready := [key for key in space if key not in placed and all(p in placed for p in space[key].when)]:
        placed += ready
    return placed


def active(space: Space, values: Mapping[str, object]) -> list[str]:
    """The keys that are searched in a trial of these values, parents first. Other keys' values aren't looked at."""
    searched: list[str] = []
    for key in search_order(space):
        conditions = space[key].when.items()
        if all(parent in searched and _met(values, parent, wanted) for parent, wanted in conditions):
            searched.append(key)
    return searched


def _met(values: Mapping[str, object], parent: str, wanted: tuple[Any, ...]) -> bool:
    return parent in values and any(same(values[parent], value) for value in wanted)


def activating(space: Space, key: str) -> dict[str, Any]:
    """Values of the key's parents, and theirs, with which it is active: the first that each condition lists."""
    values: dict[str, Any] = {}
    for parent, wanted in space[key].when.items():
        values |= {**activating(space, parent), parent: wanted[0]}
    return values


def in_space(space: Space, own: Mapping[str, object], values: Mapping[str, object]) -> bool:
    """Whether the search could propose a trial: its active keys lie in their dimensions, the others are as the own."""
    searched = set(active(space, values))
    return all(space[k].contains(v) if k in searched else v == own[k] for k, v in values.items())


def condition_faults(space: Space) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the conditions: the key, the parent it names, and the fault in words."""
    choices = [key for key, dimension in space.items() if not dimension.numeric]
    for key, dimension in space.items():
        for parent, wanted in dimension.when.items():
            text = _fault(space, choices, key, parent, wanted)
            if text:
                yield key, parent, text


def _fault(space: Space, choices: list[str], key: str, parent: str, wanted: tuple[Any, ...]) -> str:
    """The first rule that a condition breaks, or nothing."""
    if parent not in choices:
        kind = f"a range of {space[parent].type}" if parent in space else "not searched"
        there = ", ".join(choices) or "none"
        return f"`when` must name a choice of this space (it has {there}), but `{parent}` is {kind}."
    if key in _ancestors(space, parent):
        what = "itself" if parent == key else f"`{parent}`, which in turn depends on `{key}`"
        return f"a dimension can't depend on itself, but `{key}` depends on {what}. Take one of the conditions out."
    odd = [value for value in wanted if not space[parent].contains(value)]
    if odd:
        return (
            f"`when` must list choices of `{parent}` ({listed(space[parent].values)}), but got {listed(odd)}. "
            f"Add it to the choices of `{parent}`, or take it out."
        )
    return ""


def _ancestors(space: Space, key: str) -> set[str]:
    """The key, its parents, theirs, and so on."""
    found, waiting = set(), [key]
    while waiting:
        one = waiting.pop()
        if one in space and one not in found:
            found.add(one)
            waiting += space[one].when
    return found
