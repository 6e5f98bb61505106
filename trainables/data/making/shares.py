"""Groups dealt to train, val and test: what was asked for beside what came out, and what can't come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from trainables.data.making.grouping import deal, lacking
from trainables.errors import UserError
from trainables.names import SPLIT_FOLDERS
from trainables.words import one_line

EXCESS: Final = 0.02  # of all samples: so much larger than the largest split a group may be


@dataclass(frozen=True)
class Share:
    """A split's part of all samples."""

    split: str
    samples: int
    asked: float  # 0 to 1
    got: float


@dataclass(frozen=True)
class Dealt:
    """The split (0, 1, 2) of each sample that has one, and what a person should know."""

    splits: dict[int, int]  # by position, in order
    groups: int
    notes: tuple[str, ...]


def check_shares(val: float, test: float, seed: int) -> None:
    """Raises UserError where the shares leave nothing to a split, or the seed is below 0."""
    if seed < 0:
        raise UserError(f"`seed >= 0` must hold, but got seed={seed}.")
    if not (0 < val < 1 and 0 < test < 1 and val + test < 1):
        raise UserError(
            f"`0 < val`, `0 < test` and `val + test < 1` must hold, but got val={val} and test={test}. "
            "They are shares of all samples: 0.15 is 15 %."
        )


def shares_of(counts: Mapping[str, Mapping[str, int]], asked: Sequence[float]) -> tuple[Share, ...]:
    """Each split's share, from its samples by class."""
    sizes = {split: sum(classes.values()) for split, classes in counts.items()}
    total = max(1, sum(sizes.values()))
    return tuple(Share(name, size, wish, size / total) for (name, size), wish in zip(sizes.items(), asked, strict=True))


def deal_groups(
    groups: Sequence[Sequence[int]],
    labels: Sequence[str],
    names: Sequence[str],
    *,
    shares: tuple[float, float, float],
    seed: int,
    remedy: str,
) -> Dealt:
    """Share out groups of positions in `labels` (N,) and `names` (N,), stratified by class.

    Raises UserError, with `remedy`, where a group is larger than any split is to be, or a class has too few groups for
    three splits.
    """
    classes = sorted({labels[member] for group in groups for member in group})
    place = {label: number for number, label in enumerate(classes)}
    members = np.zeros((len(groups), len(classes)), dtype=np.int64)
    for row, group in enumerate(groups):
        for member in group:
            members[row, place[labels[member]]] += 1
    _require_fitting(groups, members, names, shares, remedy)
    splits = deal(members, shares, np.random.default_rng(seed))
    if short := {label for _, label in lacking(splits, members, len(shares))}:
        raise UserError(_too_few(short, members, classes, remedy))
    dealt = sorted((member, int(split)) for group, split in zip(groups, splits, strict=True) for member in group)
    return Dealt(dict(dealt), len(groups), tuple(_large_in_class(groups, members, names, classes, max(shares))))


def _require_fitting(
    groups: Sequence[Sequence[int]],
    members: NDArray[np.int64],
    names: Sequence[str],
    shares: tuple[float, float, float],
    remedy: str,
) -> None:
    sizes, total, largest = members.sum(axis=1), members.sum(), max(shares)
    if len(sizes) and sizes.max() > (largest + EXCESS) * total:
        group = groups[int(sizes.argmax())]
        split = SPLIT_FOLDERS[shares.index(largest)]
        raise UserError(
            f"A group of samples that stay together must fit into a split, but {len(group):,} of {total:,} "
            f"({len(group) / total:.1%}) are one group (such as {_such_as(group, names)}), and the largest split, "
            f"{split}, is to have {largest:.1%}. {remedy}"
        )


def _large_in_class(
    groups: Sequence[Sequence[int]],
    members: NDArray[np.int64],
    names: Sequence[str],
    classes: Sequence[str],
    largest: float,
) -> Iterator[str]:
    """A line for each class of which one group is larger than its largest split."""
    for column, label in enumerate(classes):
        row = int(members[:, column].argmax())
        size, total = int(members[row, column]), int(members[:, column].sum())
        if size > (largest + EXCESS) * total:
            yield (
                f'{size:,} of {total:,} samples of "{one_line(label)}" are one group (such as '
                f"{_such_as(groups[row], names)}), so this class can't be shared out as asked."
            )


def _such_as(group: Sequence[int], names: Sequence[str]) -> str:
    return ", ".join(f'"{one_line(names[member])}"' for member in group[:2])


def _too_few(short: set[int], members: NDArray[np.int64], labels: Sequence[str], remedy: str) -> str:
    found = ", ".join(
        f'"{one_line(labels[c])}" has {np.count_nonzero(members[:, c])} ({members[:, c].sum()} samples)'
        for c in sorted(short)
    )
    return (
        f"Every class needs at least three groups of samples that stay together, one for each split, but {found}. "
        f"Add samples, or name other classes. {remedy}"
    )
