"""How groups of pictures that stay together are dealt to train, val and test. No files here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def deal(members: NDArray[np.int64], shares: Sequence[float], rng: np.random.Generator) -> NDArray[np.int64]:
    """The split (0 to S-1) of each group (G,), so that every class is shared out as `shares` (S,) say.

    `members` (G, C) holds how many pictures of each class a group has. Large groups are dealt first, each to the split
    that lacks most of its classes; equals in random order. At the end groups are moved so that every split has every
    class, where that is possible; see `lacking`.
    """
    lack = np.outer(shares, members.sum(axis=0)).astype(np.float64)  # (S, C) pictures still wanted
    order = rng.permutation(len(members))
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    splits = np.zeros(len(members), dtype=np.int64)
    for group in order:
        weight = members[group] / members[group].sum()
        splits[group] = int(np.argmax(lack @ weight))
        lack[splits[group]] -= members[group]
    _fill(splits, members, len(shares))
    return splits


def lacking(splits: NDArray[np.int64], members: NDArray[np.int64], split_count: int) -> list[tuple[int, int]]:
    """The pairs (split, class) without any group, in order."""
    return [(int(split), int(label)) for split, label in np.argwhere(_groups_of(splits, members, split_count) == 0)]


def _groups_of(splits: NDArray[np.int64], members: NDArray[np.int64], split_count: int) -> NDArray[np.int64]:
    """(S, C) how many groups with pictures of a class a split has."""
    held = np.zeros((split_count, members.shape[1]), dtype=np.int64)
    np.add.at(held, splits, (members > 0).astype(np.int64))
    return held


def _fill(splits: NDArray[np.int64], members: NDArray[np.int64], split_count: int) -> None:
    """Move the smallest fitting group to each (split, class) that has none; no split loses its last of a class."""
    for split, label in lacking(splits, members, split_count):
        held = _groups_of(splits, members, split_count)
        if held[split, label]:  # filled by a group of several classes
            continue
        movable = [
            group
            for group in np.flatnonzero(members[:, label])
            if all(held[splits[group], other] > 1 for other in np.flatnonzero(members[group]))
        ]
        if movable:
            splits[min(movable, key=lambda group: (members[group].sum(), group))] = split
