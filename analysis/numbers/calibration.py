"""Whether a model is as sure as it is right: how far its confidence lies from the share that it is right about."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.numbers.intervals import Interval, share_interval
from analysis.numbers.metrics import softmax

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Samples that a model is about as sure of."""

    confidence: float  # the mean chance that it gave to the class it said
    accuracy: float  # the share that it is right about
    interval: Interval  # of that share
    samples: int


@dataclass(frozen=True)
class Calibration:
    """How good the chances are that a model gives."""

    log_loss: float  # mean of minus the logarithm of the true class's chance
    brier: float  # mean over samples of the squared distances from the truth, 0 to 2
    error: float  # how far confidence lies from accuracy: root mean square, corrected for chance; 0 is perfect
    bins: tuple[Bin, ...]


def calibration(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> Calibration:
    """How good the chances of logits (N, C) are against labels (N,).

    The error is that of Kumar, Liang and Ma (2019, https://arxiv.org/abs/1909.10155): over bins of as many samples
    each, what chance alone makes of a perfect model is taken off, so that few samples don't look worse for being few.
    """
    chances = softmax(logits)
    rows = np.arange(len(labels))
    true = np.clip(chances[rows, labels], np.finfo(np.float64).tiny, None)
    brier = (chances**2).sum(axis=1) - 2 * chances[rows, labels] + 1
    said = chances.argmax(axis=1)
    bins = _bins(chances[rows, said], said == labels)
    return Calibration(float(-np.log(true).mean()), float(brier.mean()), _error(bins), bins)


def _bins(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Of the least sure samples, the next ones, and so on, as many in each as in any other."""
    order = np.argsort(confidences, kind="stable")
    parts = [part for part in np.array_split(order, min(BINS, max(1, len(order) // 2))) if len(part)]
    return tuple(
        Bin(float(confidences[part].mean()), float(right[part].mean()), share_interval(right[part]), len(part))
        for part in parts
    )


def _error(bins: tuple[Bin, ...]) -> float:
    total = sum(one.samples for one in bins)
    squared = 0.0
    for one in bins:
        chance = one.accuracy * (1 - one.accuracy) / (one.samples - 1) if one.samples > 1 else 0.0
        squared += one.samples / total * ((one.confidence - one.accuracy) ** 2 - chance)
    return math.sqrt(max(0.0, squared))
