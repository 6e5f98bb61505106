"""What a model is right about where it may abstain, and sets of classes that hold the true one as often as promised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.intervals import Blocks, Interval, share_interval
from analysis.numbers.metrics import softmax

LEVELS = (0.8, 0.9, 0.95)  # how often a set is to hold the true class
SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)  # of val that is to be answered

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Abstention:
    """What happens where only those samples are answered that the model is sure enough of."""

    aimed: float  # the share of val that is answered at this threshold
    threshold: float  # the least chance of the class that is said
    answered: float  # the share of the checked samples that is answered
    accuracy: float | None  # of what is answered; None where nothing is
    interval: Interval | None  # of that accuracy


@dataclass(frozen=True)
class Sets:
    """Sets of classes, as large as val says they must be, checked on other samples."""

    level: float  # how often they are to hold the true class
    threshold: float  # a class is in the set from this chance on
    covered: float  # how often they hold it
    interval: Interval  # of that share
    mean_size: float  # classes in a set
    single: float  # the share of sets of one class


def abstentions(
    val: tuple[Floats, Labels], checked: tuple[Floats, Labels], blocks: Blocks | None = None
) -> list[Abstention]:
    """Each of `SHARES`: the threshold is val's, what it gives is of the samples checked. Logits (N, C), labels (N,)."""
    sure = softmax(val[0]).max(axis=1)
    chances = softmax(checked[0])
    right, said = chances.argmax(axis=1) == checked[1], chances.max(axis=1)
    found = []
    for share in SHARES:
        threshold = 0.0 if share == 1 else float(np.quantile(sure, 1 - share))
        kept = said >= threshold
        own = None if blocks is None else blocks[kept]
        interval = share_interval(right[kept], own) if kept.any() else None
        accuracy = float(right[kept].mean()) if kept.any() else None
        found.append(Abstention(share, threshold, float(kept.mean()), accuracy, interval))
    return found


def conformal_sets(
    val: tuple[Floats, Labels], checked: tuple[Floats, Labels], blocks: Blocks | None = None
) -> list[Sets]:
    """Split conformal sets (Sadinle, Lei and Wasserman 2019, https://doi.org/10.1080/01621459.2017.1395341).

    Of exchangeable samples they hold the true class with at least each of `LEVELS`, on average over samples of val, and
    by at most 1 / (N + 1) more where no two chances are equal. Logits (N, C), labels (N,).

    A set may be empty, and is in as many samples as are needed where the model is right more often than the level
    asks (their null region): with its likeliest class instead, sets would hold the true class more often than promised.
    """
    own = np.sort(softmax(val[0])[np.arange(len(val[1])), val[1]])
    chances, labels = softmax(checked[0]), checked[1]
    found = []
    for level in LEVELS:
        place = int(np.floor((1 - level) * (len(own) + 1) + 1e-9))  # the place-th smallest; 0: everything is in
        threshold = float(own[place - 1]) if place else 0.0
        within = chances >= threshold
        holds, sizes = within[np.arange(len(labels)), labels], within.sum(axis=1)
        interval = share_interval(holds, blocks)
        found.append(
            Sets(level, threshold, float(holds.mean()), interval, float(sizes.mean()), float((sizes == 1).mean()))
        )
    return found
