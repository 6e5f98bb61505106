"""Several systems on the samples that all of them were tested on, paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.intervals import Interval, share_interval
from analysis.numbers.paired import Comparison, compared, holm


@dataclass(frozen=True, eq=False)
class Decided:
    """What one system said of its samples."""

    ids: tuple[str, ...]
    labels: tuple[str, ...]  # names of the true classes
    said: tuple[str, ...]  # names of the classes decided for

    def right(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """(N,) whether it is right about each of these samples."""
        place = {name: row for row, name in enumerate(self.ids)}
        rows = [place[name] for name in ids]
        return np.array([self.labels[row] == self.said[row] for row in rows], dtype=bool)


@dataclass(frozen=True)
class OnCommon:
    """Systems on common samples."""

    samples: int
    accuracies: Mapping[str, float]
    intervals: Mapping[str, Interval]
    pairs: tuple[Comparison, ...]  # p adjusted for how many there are (Holm)


def common_ids(systems: Mapping[str, Decided]) -> tuple[str, ...]:
    """The samples that all have with the same label, in the first one's order."""
    known = [dict(zip(one.ids, one.labels, strict=True)) for one in systems.values()]
    first = known[0]
    return tuple(name for name, label in first.items() if all(other.get(name) == label for other in known[1:]))


def on_common(systems: Mapping[str, Decided]) -> OnCommon:
    """Each beside each, on common samples. Raises ValueError where there are none, or fewer than two systems."""
    ids = common_ids(systems) if len(systems) > 1 else ()
    if not ids:
        raise ValueError("Two systems or more must have a sample in common, with the same label.")
    right = {name: one.right(ids) for name, one in systems.items()}
    found = {f"{one}\n{other}": (one, other) for one, other in combinations(systems, 2)}
    paired = {key: compared(right[one], right[other]) for key, (one, other) in found.items()}
    adjusted = holm({key: one.p for key, one in paired.items()})
    return OnCommon(
        len(ids),
        {name: float(own.mean()) for name, own in right.items()},
        {name: share_interval(own) for name, own in right.items()},
        tuple(one.adjusted(adjusted[key], *found[key]) for key, one in paired.items()),
    )
