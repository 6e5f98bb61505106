"""What the pictures of a search's trials show: their order, how far they went, what they were made of."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from trainables.records import StopReason, TrialRecord

MOST_AXES = 8  # hyperparameters in a picture
LOGARITHMIC = 20  # from this ratio of the largest to the smallest value on


@dataclass(frozen=True)
class History:
    """A modality's trials in the order of their numbers."""

    modality: str
    numbers: tuple[int, ...]  # of those with an accuracy
    accuracies: tuple[float, ...]  # of each one's best epoch, on val
    reasons: tuple[StopReason, ...]
    best: tuple[float, ...]  # so far


@dataclass(frozen=True)
class Reached:
    """How many of a modality's fine-tuned trials ended each epoch; where many stop, there is a rung."""

    modality: str
    trials: tuple[int, ...]  # by epoch, from the first


@dataclass(frozen=True)
class Axis:
    """One hyperparameter: where each trial's value lies, from 0 to 1, and what is written there."""

    name: str
    places: tuple[float, ...]  # by trial
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Coordinates:
    """A modality's fine-tuned trials over their hyperparameters, the worst first."""

    modality: str
    axes: tuple[Axis, ...]
    accuracies: tuple[float, ...]  # by trial


def history(records: Sequence[TrialRecord], modality: str) -> History:
    """In the order in which they were proposed."""
    own = sorted((one for one in records if one.modality == modality), key=lambda one: one.number)
    scored = [(one, one.best.val_accuracy) for one in own if one.best and math.isfinite(one.best.val_accuracy)]
    accuracies = tuple(accuracy for _, accuracy in scored)
    return History(
        modality,
        tuple(range(1, len(scored) + 1)),
        accuracies,
        tuple(one.stop_reason for one, _ in scored),
        tuple(accumulate(accuracies, max)),
    )


def reached(records: Sequence[TrialRecord], modality: str) -> Reached:
    """Heads, which have one epoch, aren't counted."""
    lengths = Counter(len(one.epochs) for one in records if one.modality == modality and not one.is_head)
    most = max(lengths, default=0)
    return Reached(modality, tuple(sum(lengths[n] for n in range(epoch, most + 1)) for epoch in range(1, most + 1)))


def coordinates(records: Sequence[TrialRecord], modality: str) -> Coordinates:
    """Of the hyperparameters that every one of them has and that differ, the first `MOST_AXES` by name."""
    scored = [
        (one.best.val_accuracy, one)
        for one in records
        if one.modality == modality and not one.is_head and one.best and math.isfinite(one.best.val_accuracy)
    ]
    scored.sort(key=lambda pair: (pair[0], pair[1].number))
    shared = set.intersection(*(set(one.params) for _, one in scored)) if scored else set()
    values = {name: [one.params[name] for _, one in scored] for name in sorted(shared)}
    differing = [name for name, own in values.items() if len({str(value) for value in own}) > 1][:MOST_AXES]
    return Coordinates(
        modality, tuple(_axis(name, values[name]) for name in differing), tuple(accuracy for accuracy, _ in scored)
    )


def _axis(name: str, values: Sequence[Any]) -> Axis:
    """Numbers by their value, on a logarithmic axis where they are far apart; anything else evenly."""
    words = name.replace("_", " ")
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return _number_axis(words, [float(value) for value in values])
    kinds = sorted({str(value) for value in values})
    at = {kind: place / (len(kinds) - 1) for place, kind in enumerate(kinds)}
    return Axis(words, tuple(at[str(value)] for value in values), tuple((place, kind) for kind, place in at.items()))


def _number_axis(words: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    logarithmic = low > 0 and high / low >= LOGARITHMIC
    scaled = [math.log(value) for value in values] if logarithmic else list(values)
    bottom, width = min(scaled), max(scaled) - min(scaled)
    middle = math.exp(bottom + width / 2) if logarithmic else (low + high) / 2
    ticks = ((0.0, f"{low:.3g}"), (0.5, f"{middle:.2g}"), (1.0, f"{high:.3g}"))
    return Axis(words, tuple((one - bottom) / width for one in scaled), ticks)
