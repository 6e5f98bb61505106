"""Which values the trials of a search may have, read off the section: own, space and points."""

from __future__ import annotations

from typing import Any

from search.space.dimensions import Choice
from search.study.sections import SearchedSection


def trial_values(section: SearchedSection, key: str, *, points: bool = True) -> list[Any]:
    """Every value that a trial may have for `key`, with or without those of the fixed points."""
    dimension = section.search.space.get(key)
    own = section.fixed()[key]
    pointed = [point[key] for point in section.search.points if key in point and points]
    if dimension is None:
        found = [own]
    elif isinstance(dimension, Choice):
        found = list(dimension.choices)
    else:
        found = list(range(int(dimension.low), int(dimension.high) + 1, int(dimension.step or 1)))
    return list(dict.fromkeys([*found, *pointed]))
