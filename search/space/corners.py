"""The corners of a space: the trials at its ends, which are checked before any other."""

from __future__ import annotations

from typing import Any

from search.space.conditions import activating, active
from search.space.dimensions import Space


def end_points(space: Space) -> list[dict[str, Any]]:
    """The corners that are checked: all at the low end, all at the high end, and each choice with the rest low.

    A choice's low end is its first value. Keys that aren't active are left out; each that has conditions is active in
    one corner at the low end and in one at the high end. No dict comes twice; an empty space has one empty corner.
    """
    low = {key: dimension.ends[0] for key, dimension in space.items()}
    high = {key: dimension.ends[1] for key, dimension in space.items()}
    choices = [(key, choice) for key, d in space.items() if not d.numeric for choice in d.values]
    ends = [low, high, *({**low, **activating(space, key), key: choice} for key, choice in choices)]
    ends += [{**end, **activating(space, key)} for key, d in space.items() if d.when for end in (low, high)]
    corners: list[dict[str, Any]] = []
    for end in ends:
        corner = {key: end[key] for key in active(space, end)}
        if corner not in corners:
            corners.append(corner)
    return corners
