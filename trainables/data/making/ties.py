"""Which samples must stay in one split: by name, near pictures, blocks of numbers, a CSV's column. No files here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from trainables.data.check.names import BLOCK, joined, name_key, number_blocks, trailing_numbers
from trainables.data.files import quoted
from trainables.errors import UserError
from trainables.words import one_line, says_nothing

GroupBy = Literal["name", "near", "number-block", "column"]
KINDS: Final[tuple[GroupBy, ...]] = get_args(GroupBy)
NONE: Final = "none"
_LEAST_BLOCKS: Final = 20  # of a name that says nothing: fewer couldn't be shared out as asked

Key = tuple[Hashable, ...]


def parse_kinds(text: str) -> tuple[GroupBy, ...]:
    """`name,near` -> what samples are grouped by; none for `none`. UserError for anything else."""
    asked = [part.strip() for part in text.split(",")]
    kinds = tuple(kind for kind in KINDS if kind in asked)
    unknown = [part for part in asked if part not in (*KINDS, NONE)]
    if unknown or (NONE in asked and len(asked) > 1):
        raise UserError(
            f'`--group-by` must be {NONE}, or one or more of {", ".join(KINDS)} with commas, but got "{text}".'
        )
    return kinds


@dataclass(frozen=True)
class Ties:
    """What samples have in common, N entries each: samples that share one stay together."""

    names: Sequence[str]  # a file's name without its ending, or a text
    labels: Sequence[str]
    always: Sequence[Hashable | None]  # whatever is asked for: equal pictures
    near: Sequence[Hashable | None] = ()  # groups of near-equal pictures, where they are asked for
    column: Sequence[str] = ()  # a CSV's cells, where they are asked for


@dataclass(frozen=True)
class Grouped:
    """Groups of positions (0 to N-1), and what a person should know of how they came about."""

    groups: list[list[int]]
    notes: tuple[str, ...] = ()


def grouped(ties: Ties, kinds: Sequence[GroupBy], *, block: int = BLOCK, smallest: float = 1.0) -> Grouped:
    """The groups that what is asked for makes, joined where they share a sample.

    `block` is how many pictures numbered one after the other make a block at least; it ends where the class changes,
    so that no session is cut. By name, a name that says nothing (`IMG_1234`) ties nothing together where more samples
    have it than the smallest split is to have (`smallest`, a share of all): its blocks of numbers do.
    """
    keys: list[list[Key]] = [[] if tie is None else [("always", tie)] for tie in ties.always]
    notes: tuple[str, ...] = ()
    if "name" in kinds:
        names, notes = _name_keys(ties.names, block, smallest)
        _add(keys, names)
    if "near" in kinds:
        _add(keys, [None if tie is None else ("near", tie) for tie in ties.near])
    if "number-block" in kinds:
        _add(keys, _block_keys(ties, block))
    if "column" in kinds:
        _add(keys, [("column", cell.strip()) if cell.strip() else None for cell in ties.column])
    return Grouped(joined(keys), notes)


def _add(keys: list[list[Key]], more: Sequence[Key | None]) -> None:
    for own, key in zip(keys, more, strict=True):
        if key is not None:
            own.append(key)


def _name_keys(names: Sequence[str], block: int, smallest: float) -> tuple[list[Key | None], tuple[str, ...]]:
    found = [name_key(name) for name in names]
    most = smallest * len(names)
    large = {key for key, number in Counter(found).items() if key and number > most and says_nothing(key)}
    keys: list[Key | None] = [("name", key) if key else None for key in found]
    for key in sorted(large):
        rows = [row for row, own in enumerate(found) if own == key]
        length = max(1, min(block, len(rows) // _LEAST_BLOCKS))
        blocks = number_blocks(trailing_numbers([names[row] for row in rows]), length=length)
        for row, number in zip(rows, blocks, strict=True):
            keys[row] = ("name", key, int(number))
    return keys, tuple(_cut_notes(names, found, large))


def _cut_notes(names: Sequence[str], found: Sequence[str], large: set[str]) -> Iterator[str]:
    rows = [row for row, key in enumerate(found) if key in large]
    if rows:
        yield (
            f"{len(rows):,} of {len(names):,} names say nothing (such as {one_line(names[rows[0]])}) and would be one "
            "group, larger than a split: they stay together by blocks of their numbers instead."
        )


def _block_keys(ties: Ties, block: int) -> list[Key | None]:
    numbers = trailing_numbers(ties.names)
    if np.all(numbers < 0):
        raise UserError(
            "Grouping by blocks of numbers needs names that end in a number (`bottle_241`), but none does: "
            f"{quoted([one_line(name) for name in ties.names[:3]])} ... Group by something else."
        )
    order = {label: place for place, label in enumerate(sorted(set(ties.labels)))}
    labels = np.array([order[label] for label in ties.labels], dtype=np.int64)
    blocks = number_blocks(numbers, length=block, labels=labels)
    return [("block", int(number)) if has >= 0 else None for number, has in zip(blocks, numbers, strict=True)]
