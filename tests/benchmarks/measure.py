"""Timings that are compared within one run only: the candidates take turns, each several times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median, variance
from typing import Any

import torch


@dataclass(frozen=True)
class Bound:
    """A promised figure and what was measured: stated, never asserted."""

    what: str
    bound: str
    measured: float
    holds: bool
    unit: str = "ratio"


@dataclass(frozen=True)
class Findings:
    """What one benchmark found."""

    figures: Mapping[str, Any]
    bounds: Sequence[Bound] = ()
    notes: Sequence[str] = field(default_factory=tuple)  # assumptions and what was left out


def at_least(what: str, limit: float, measured: float, unit: str = "ratio") -> Bound:
    """A bound from below."""
    return Bound(what, f">= {limit:g}", measured, measured >= limit, unit)


def at_most(what: str, limit: float, measured: float, unit: str = "ratio") -> Bound:
    """A bound from above."""
    return Bound(what, f"<= {limit:g}", measured, measured <= limit, unit)


def interleaved(actions: Mapping[str, Callable[[], object]], repeats: int, warm_ups: int = 1) -> dict[str, list[float]]:
    """Seconds of each action, taken in turns (A B A B ...) `repeats` times after `warm_ups` turns that don't count."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(warm_ups + repeats):
        for name, action in actions.items():
            took = seconds_of(action)
            print(f"  {name}: {took:.3f} s{'' if turn >= warm_ups else ' (warm-up)'}", file=sys.stderr)
            if turn >= warm_ups:
                seconds[name].append(took)
    return seconds


def seconds_of(action: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, until the GPU has done its part too."""
    _wait_for_gpu()
    began = time.perf_counter()
    action()
    _wait_for_gpu()
    return time.perf_counter() - began


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def summary(seconds: Sequence[float], count: int = 1) -> dict[str, float]:
    """Median and smallest of repeated timings, each divided by `count` (samples or steps of one timing)."""
    return {"median": median(seconds) / count, "min": min(seconds) / count, "repeats": len(seconds)}


def ratio(slow: Sequence[float], fast: Sequence[float]) -> dict[str, float]:
    """How many times `fast` fits into `slow`: by the medians, and by the smallest."""
    return {"median": median(slow) / median(fast), "min": min(slow) / min(fast)}


def mean_difference(ones: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """The difference of two means (ones - others) and its standard error, from the spread within each."""
    error = (variance(ones) / len(ones) + variance(others) / len(others)) ** 0.5
    return fmean(ones) - fmean(others), error
