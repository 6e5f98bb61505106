"""How large a study may be: pictures' size, epochs and trials that fit a time. Numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

START_SECONDS = 40.0  # until the first trial runs, and for the analysis afterwards
HEADS_SHARE = 0.1  # of the rest, for heads on frozen features
USUAL_SHARE = 0.6  # of a trial's epochs that it runs on average, where some are stopped
FEWEST, MOST = 4, 30  # trials of a modality that are wanted, and that are planned at most


@dataclass(frozen=True)
class Cost:
    """What an epoch of a modality takes at its smallest scale, in seconds on one place of the machine."""

    train_seconds: float
    val_seconds: float

    @property
    def epoch(self) -> float:
        """Both."""
        return self.train_seconds + self.val_seconds


@dataclass(frozen=True)
class Plan:
    """One modality's part of the study."""

    scale: Mapping[str, Any]  # hyperparameters
    epochs: int  # of a trial at most
    trials: int
    seconds: float  # that all of its trials take, on one place


def plan_of(
    cost: Cost, scales: Sequence[tuple[Mapping[str, Any], float]], epochs: Sequence[int], seconds: float
) -> Plan:
    """The best scale, then the most epochs, at which `FEWEST` trials fit into `seconds` on one place.

    Where not even the cheapest fit, as many of these as do, one at least: the time budget ends them.
    """
    for scale, factor in scales:
        for count in epochs:
            trial = USUAL_SHARE * count * cost.epoch * factor
            trials = int(seconds / trial) if trial > 0 else MOST
            if trials >= FEWEST:
                trials = min(trials, MOST)
                return Plan(scale, count, trials, trials * trial)
    scale, factor = scales[-1]
    trial = USUAL_SHARE * epochs[-1] * cost.epoch * factor
    trials = max(1, int(seconds / trial))
    return Plan(scale, epochs[-1], trials, trials * trial)


def seconds_each(budget: float, modalities: int, places: int) -> float:
    """What each modality's trials have of the time, in seconds on one place; `places`: trials that run at once."""
    left = max(0.0, budget - START_SECONDS) * (1 - HEADS_SHARE)
    return left * places / modalities
