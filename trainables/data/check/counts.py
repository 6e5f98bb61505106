"""Samples per class and split: classes that are rare or far larger than others, splits that are small."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import sqrt

from trainables.data.check.findings import Finding, Level
from trainables.data.check.labels import few_samples
from trainables.data.samples import Split
from trainables.names import TRAIN
from trainables.words import counted

SMALL = 200  # a split with fewer samples than this tells two models apart only where they are far apart
UNEVEN, VERY_UNEVEN = 3.0, 10.0  # the largest class of train by the smallest

Counts = Mapping[str, Mapping[str, int]]  # by split: samples per class


def class_counts(splits: Mapping[str, Split]) -> dict[str, dict[str, int]]:
    """Samples per class of each split, in the order of the classes; 0 where a split has none of a class."""
    return {name: split.counts() for name, split in splits.items()}


def count_findings(splits: Mapping[str, Split]) -> list[Finding]:
    """What the numbers of samples alone say; `splits` by name."""
    counts = class_counts(splits)
    return [*few_samples(splits), *_uneven(counts), *_small(counts)]


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
