"""Which pictures must stay together, and how groups of them are dealt to train, val and test. No files here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def name_key(text: str) -> str:
    """What is left of a name without digits, case and separators: "Beer_Bottle_241" and "beer bottle 7" share theirs.

    Empty for a name of digits and separators alone, which says nothing.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.sub(r"[\s_.\-]+", " ", re.sub(r"\d+", "", folded)).strip()


def joined(keys: Sequence[Sequence[Hashable]]) -> list[list[int]]:
    """Groups of positions (0 to N-1) that share a key, directly or over others; each group and all groups in order.

    `keys` holds the keys of each position, length N.
    """
    parent = list(range(len(keys)))

    def root(position: int) -> int:
        while parent[position] != position:
            parent[position] = parent[parent[position]]
            position = parent[position]
        return position

    first: dict[Hashable, int] = {}
    for position, own in enumerate(keys):
        for key in own:
            # The lower position becomes the root, so that groups come out in order.
            low, high = sorted((root(first.setdefault(key, position)), root(position)))
            parent[high] = low
    groups: dict[int, list[int]] = {}
    for position in range(len(keys)):
        groups.setdefault(root(position), []).append(position)
    return list(groups.values())


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
