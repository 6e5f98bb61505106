"""What the driver is asked for and given: a modality's search, the attempts that it hands out, and their limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from search.methods.sampler import Sampler
from search.methods.stopping import Scheduler
from search.study.config import Point
from trainables.records import EpochResult


@dataclass(frozen=True)
class Resources:
    """What one attempt gets."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class ModalitySearch:
    """One modality's search: how many trials, proposed and stopped how."""

    modality: str
    trials: int
    points: Sequence[Point]  # the trials to begin with
    own: Mapping[str, Any]  # every hyperparameter's value where the space has no say
    searched: Sequence[str]
    sampler: Sampler
    scheduler: Scheduler
    resources: Resources
    objective: Callable[[EpochResult], Sequence[float]]  # the values that the sampler learns from
    target: float | None = None
    heads: Sequence[Mapping[str, Any]] = ()  # head trials, whole: they run before all others
    patience: int | None = None  # so many trials without one that beats the best head end the search; None: none do
    moved: int = 0  # the number of the first trial that is run on the best head's network, whatever its point names
    ranked: str | None = None  # the hyperparameter that names the network
    networks: Sequence[Any] = ()  # its values in the space; none where it isn't searched


@dataclass(frozen=True)
class NextAttempt:
    """The attempt to begin now: its trial, every hyperparameter, and what it gets."""

    trial_id: str
    number: int
    modality: str
    config: Mapping[str, Any]  # every hyperparameter
    recorded: int  # epochs that are on record
    resources: Resources


class Next(Enum):
    """What there is where no attempt is to be begun."""

    WAIT = auto()  # until one that runs has ended
    DONE = auto()  # nothing runs, and nothing is left


@dataclass(frozen=True)
class Limits:
    """Bounds on one study: retries of a trial, failed trials in a row, seconds of all sessions together."""

    retries: int = 2  # a failed attempt's trial is tried again so often
    in_a_row: int = 5  # so many trials that fail one after the other stop the study
    seconds: float | None = None  # the time budget, all sessions together
    # No further head trial begins after this share of the time budget, or after so many seconds where that is later: a
    # minute of frozen features is worth more than a minute of fine-tuning, but of a short budget a third is enough.
    head_share: float = 0.05
    head_seconds: float = 60.0

    def head_limit(self) -> float:
        """Seconds of the study until which a further head trial may begin."""
        if self.seconds is None:
            return math.inf
        return max(self.head_share * self.seconds, min(self.head_seconds, self.seconds / 3))
