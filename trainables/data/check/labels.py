"""Classes that a split has too few samples of, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trainables.data.check.findings import Finding, Place
from trainables.data.reading.labels import shown_label
from trainables.data.samples import Split
from trainables.names import TRAIN
from trainables.words import counted

FEW: Final = 5  # samples of a class in a split: with fewer, one of them is 20 % of the class's recall
_SHOWN: Final = 5


def few_samples(splits: Mapping[str, Split]) -> list[Finding]:
    """A warning a split that has fewer than FEW samples of a class; `splits` by name."""
    return [finding for name, split in splits.items() if (finding := _few(name, split)) is not None]


def _few(name: str, split: Split) -> Finding | None:
    counts = {label: number for label, number in split.counts().items() if number < FEW}
    if not counts:
        return None
    shown = sorted(counts.items(), key=lambda pair: pair[1])
    said = ", ".join(f"{number or 'none'} of {shown_label(label)}" for label, number in shown[:_SHOWN])
    more = f" and {len(counts) - _SHOWN} classes more" if len(counts) > _SHOWN else ""
    effect = "a model hardly learns them" if name == TRAIN else "a score says little about them"
    return Finding(
        kind="few-samples",
        level="warning",
        title=f"{name.capitalize()} has few samples of {counted(len(counts), 'class').replace('classs', 'classes')}: "
        f"{said}{more}; {effect}",
        remedy="Add samples, merge small classes (`data.labels.merge`), or split anew.",
        places=tuple(Place(label, counted(number, "sample"), name, label) for label, number in shown),
        numbers={"counts": dict(shown), "least": FEW},
    )
