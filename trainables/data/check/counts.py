"""Samples per class and split: classes that are absent, rare or far larger than others, splits that are small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt

from trainables.data.check.findings import Finding, Level, Place
from trainables.data.samples import Split
from trainables.names import TRAIN
from trainables.words import counted

FEW = 5  # fewer samples of a class than this in a split say next to nothing about it
SMALL = 200  # a split with fewer samples than this tells two models apart only where they are far apart
UNEVEN, VERY_UNEVEN = 3.0, 10.0  # the largest class of train by the smallest
_SHOWN = 3  # classes that a title names

Counts = Mapping[str, Mapping[str, int]]  # by split: samples per class


def class_counts(splits: Mapping[str, Split]) -> dict[str, dict[str, int]]:
    """Samples per class of each split, in the order of the classes; 0 where a split has none of a class."""
    return {name: split.counts() for name, split in splits.items()}


def count_findings(counts: Counts) -> list[Finding]:
    """What the numbers of samples alone say: see `class_counts`."""
    return [*_rare(counts), *_uneven(counts), *_small(counts)]


def _rare(counts: Counts) -> Iterator[Finding]:
    """Classes that a split lacks, and those that it has fewer than `FEW` samples of: a finding a split."""
    for split, own in counts.items():
        absent = [label for label, count in own.items() if count == 0]
        few = {label: count for label, count in own.items() if 0 < count < FEW}
        if absent:
            yield Finding(
                kind="absent-class",
                level="error" if split == TRAIN else "warning",
                title=f"{_classes(absent)} {_has(absent)} no sample in {split}.",
                remedy=f"Move samples of {_it(absent)} into {split}, whole groups of alike names at a time; "
                "what isn't there can't be measured.",
                places=tuple(Place(label, "no sample", split, label) for label in absent),
                numbers={"split": split, "classes": absent},
            )
        if few:
            yield Finding(
                kind="few-samples",
                level="warning",
                title=f"{_classes(list(few))} {_has(list(few))} fewer than {FEW} samples in {split}.",
                remedy=f"Add samples of {_it(list(few))}, or leave {_it(list(few))} out: with so few, accuracy per "
                "class and macro F1 are matters of luck.",
                places=tuple(Place(label, counted(count, "sample"), split, label) for label, count in few.items()),
                numbers={"split": split, "samples": few},
            )


def _uneven(counts: Counts) -> Iterator[Finding]:
    """Train's largest class by its smallest."""
    own = {label: count for label, count in counts.get(TRAIN, {}).items() if count}
    if len(own) < 2:
        return
    largest, smallest = max(own, key=own.__getitem__), min(own, key=own.__getitem__)
    ratio = own[largest] / own[smallest]
    if ratio < UNEVEN:
        return
    level: Level = "warning" if ratio >= VERY_UNEVEN else "note"
    share = own[largest] / sum(own.values())
    yield Finding(
        kind="uneven-classes",
        level=level,
        title=f'Train has {ratio:.1f} times as many samples of "{largest}" ({own[largest]:,}) as of "{smallest}" '
        f'({own[smallest]:,}): always saying "{largest}" is right in {share:.0%}.',
        remedy="Search `class_weights: balanced` against `none`, and read macro F1 beside accuracy.",
        numbers={"ratio": ratio, "largest": largest, "smallest": smallest, "majority": share},
    )


def _small(counts: Counts) -> Iterator[Finding]:
    """Splits to measure on whose accuracy is known badly: the half width is of a 95 % interval at 80 % accuracy."""
    for split, own in counts.items():
        total = sum(own.values())
        if split != TRAIN and 0 < total < SMALL:
            half = 1.96 * sqrt(0.8 * 0.2 / total)
            yield Finding(
                kind="small-split",
                level="note",
                title=f"{split.capitalize()} has {counted(total, 'sample')}: an accuracy of 80 % is known there to "
                f"±{100 * half:.0f} points.",
                remedy="Take smaller differences between models for luck, or make the split larger.",
                numbers={"split": split, "samples": total, "half_width": half},
            )


def _classes(labels: list[str]) -> str:
    """`"Green"`; `3 classes ("Blue", "Green", "TTR")`; the first few of many."""
    if len(labels) == 1:
        return f'"{labels[0]}"'
    shown = ", ".join(f'"{label}"' for label in labels[:_SHOWN])
    return f"{len(labels)} classes ({shown}{', ...' if len(labels) > _SHOWN else ''})"


def _has(labels: list[str]) -> str:
    return "has" if len(labels) == 1 else "have"


def _it(labels: list[str]) -> str:
    return "it" if len(labels) == 1 else "them"
