"""What a name is made of: its words and the number at its end; which names belong together. No files here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BLOCK = 10  # pictures in a block of numbers: a few sessions, as people number some pictures at a time
_NUMBER = re.compile(r"(\d{1,18})[\s_.\-]*$")  # where `cleaning: words` looks for it; 18 digits fit 64 bits
FEWEST_NUMBERS = 20  # of a split, to speak of its numbering
UNIQUE = 0.95  # share of numbers that a counter gives once: people mistype
Numbering = Literal["one", "another", "unclear"]
_TOLD_APART = 0.1  # a name with a larger share of all samples, such as `IMG`, says nothing


def trailing_number(name: str) -> int | None:
    """The number at the end of a name: 241 of "Beer_Bottle_241"; None where there is none."""
    found = _NUMBER.search(name)
    return None if found is None else int(found[1])


def trailing_numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the number at the end of each name; -1 where there is none."""
    numbers = (trailing_number(name) for name in names)
    return np.array([-1 if number is None else number for number in numbers], dtype=np.int64)


def renumbered(name: str, number: int) -> str:
    """The name with another number at its end; as it is where it has none."""
    found = _NUMBER.search(name)
    return name if found is None else f"{name[: found.start(1)]}{number}{name[found.end(1) :]}"


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


def alike(names: Sequence[str], near: Sequence[Hashable | None] | None = None) -> NDArray[np.int64]:
    """(N,) the group of each sample: those whose names are alike but for digits, and those that share a key of `near`.

    A name that a tenth of all samples have, such as `IMG_1234`, says nothing and ties nothing together.
    """
    keys = [name_key(name) for name in names]
    counts: dict[str, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    telling = {key for key, count in counts.items() if key and count <= max(1, _TOLD_APART * len(names))}
    ties = near if near is not None else [None] * len(names)
    own = [
        [*([("name", key)] if key in telling else []), *([("near", tie)] if tie is not None else [])]
        for key, tie in zip(keys, ties, strict=True)
    ]
    groups = np.empty(len(names), dtype=np.int64)
    for number, members in enumerate(joined(own)):
        groups[members] = number
    return groups


def number_blocks(
    numbers: NDArray[np.int64], *, length: int = BLOCK, labels: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """(N,) the block of each sample: `length` and more samples that follow each other in the numbering (N,).

    Blocks are counted from 0 in the order of their numbers. Equal numbers share a block; samples without a number (-1)
    are a block of their own each. With `labels` (N,) a block ends only where the class changes, so that a session, in
    which one kind of thing is numbered, isn't cut; one that is ten times as long is cut anywhere.
    """
    blocks = np.full(len(numbers), -1, dtype=np.int64)
    order = np.lexsort((np.arange(len(numbers)), numbers))
    order = order[numbers[order] >= 0]
    block, held = 0, 0
    for place, row in enumerate(order):
        before = order[place - 1] if place else row
        same_number = numbers[before] == numbers[row]
        same_session = labels is not None and labels[before] == labels[row] and held < 10 * length
        if held >= length and not same_number and not same_session:
            block, held = block + 1, 0
        blocks[row] = block
        held += 1
    alone = np.flatnonzero(blocks < 0)
    first = block + 1 if len(order) else 0
    blocks[alone] = np.arange(first, first + len(alone))
    return blocks


def mean_run(numbers: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """How many samples of one class follow each other in the numbering (N,), on average; 0 where there is no number."""
    order = np.argsort(numbers, kind="stable")
    ordered = labels[order[numbers[order] >= 0]]
    return 0.0 if len(ordered) == 0 else len(ordered) / (1 + int(np.count_nonzero(np.diff(ordered))))


def numbering(one: NDArray[np.int64], other: NDArray[np.int64]) -> Numbering:
    """Whether two splits' numbers (N,) and (M,), -1 where there is none, are of one counter.

    A counter gives no number twice: where many of the other split's numbers occur in the first one, too, they were
    given anew, and where they lie elsewhere, it is at another place. `unclear` where few samples are numbered, or
    numbers recur within a split (`bottle_1`, `can_1`).
    """
    first, second = one[one >= 0], other[other >= 0]
    if min(len(first), len(second)) < FEWEST_NUMBERS:
        return "unclear"
    if any(len(np.unique(numbers)) < UNIQUE * len(numbers) for numbers in (first, second)):
        return "unclear"
    within = second[(second >= first.min()) & (second <= first.max())]
    if len(within) < len(second) / 2:
        return "another"
    # Of a counter's numbers none is taken; of numbers given anew, as many as the first split has of that range.
    expected = len(np.unique(first)) / (int(first.max()) - int(first.min()) + 1)
    taken = float(np.isin(within, first).mean())
    return "another" if taken > max(1 - UNIQUE, expected / 2) else "one" if expected > 4 * (1 - UNIQUE) else "unclear"
