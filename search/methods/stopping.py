"""Schedulers, what to stop early: one epoch's value of a trial in, whether the trial should stop out.

Values are higher-is-better and come epoch by epoch, from 1 on, of several trials in any order. The state follows from
the stream of results alone: whoever feeds the same stream gets the same state and the same answers. A further scheduler
is one class here, its name, and its place in `SCHEDULERS`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random
from typing import ClassVar, Literal

import numpy as np

SchedulerName = Literal["asha", "hyperband", "median", "none"]
MEDIAN_OTHERS = 3  # a median of fewer trials says little


@dataclass(frozen=True)
class Rule:
    """What a scheduler is told of the search."""

    grace: int  # epochs before trials are first compared
    factor: int  # the best 1/factor of a rung go on
    max_epochs: int  # of a trial
    seed: int = 0


@dataclass(frozen=True)
class Rung:
    """An epoch at which trials are compared, for a view."""

    epoch: int
    bracket: int  # counted from 0, the one that compares first
    entries: int  # trials that were compared here
    cutoff: float | None  # the next trial goes on from this value on; None: nobody was here yet


class Scheduler(ABC):
    """Which trials go on."""

    name: ClassVar[SchedulerName]
    stops: ClassVar[bool] = True  # whether it ever stops a trial

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    @abstractmethod
    def result(self, number: int, epoch: int, value: float) -> bool:
        """Take in one epoch's value of a trial. True: the trial should stop now.

        The last result of a trial that ends by itself belongs here too, its answer is of no interest. An epoch that
        was already taken changes nothing and has the answer that it had.
        """

    def rungs(self) -> list[Rung]:
        """By bracket, then epoch; empty where the rule has none."""
        return []

    @property
    @abstractmethod
    def expected_epochs(self) -> float:
        """Epochs of a trial on average, estimated before the first one runs."""

    @property
    def words(self) -> str:
        """The rule as a person reads it."""
        return f"{self.name} from epoch {self.rule.grace} on, factor {self.rule.factor}"


class Never(Scheduler):
    """Every trial runs to its own end."""

    name = "none"
    stops = False

    def result(self, number: int, epoch: int, value: float) -> bool:
        """False: no trial is stopped."""
        return False

    @property
    def expected_epochs(self) -> float:
        """Every trial runs all of its epochs."""
        return float(self.rule.max_epochs)

    @property
    def words(self) -> str:
        """That no trial is stopped early."""
        return "every one to its end"


class _Remembering(Scheduler):
    """Takes each epoch of a trial once; a value that isn't finite stops its trial and is compared with nothing."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self._answers: dict[tuple[int, int], bool] = {}

    def result(self, number: int, epoch: int, value: float) -> bool:
        """Whether the trial should stop now."""
        key = (number, epoch)
        if key not in self._answers:
            self._answers[key] = not math.isfinite(value) or self._take(number, epoch, value)
        return self._answers[key]

    @abstractmethod
    def _take(self, number: int, epoch: int, value: float) -> bool:
        """The answer to a finite value of an epoch that is new."""


@dataclass
class _Entries:
    """What trials had when they came to a rung."""

    epoch: int
    numbers: set[int] = field(default_factory=set)
    values: list[float] = field(default_factory=list)  # ascending

    def cutoff(self, factor: int) -> float | None:
        # By way of a percentage, as Ray: that rounds otherwise for a factor such as 6.
        return quantile(self.values, (1 - 1 / factor) * 100 / 100) if self.values else None

    def add(self, number: int, value: float) -> None:
        self.numbers.add(number)
        insort(self.values, value)


class Asha(_Remembering):
    """Asynchronous successive halving (Li et al. 2020, https://arxiv.org/abs/1810.05934).

    Decides as Ray Tune's ASHAScheduler with one bracket does: a trial enters each rung (`grace`, `grace * factor`,
    ...) once, and stops where it is below the best 1/`factor` of those before it. At `max_epochs` each trial stops.
    """

    name = "asha"

    def __init__(self, rule: Rule, *, bracket: int = 0) -> None:
        """`bracket`: which one of Hyperband's it is, for its rungs."""
        super().__init__(rule)
        self._bracket = bracket
        # Ray's floating-point arithmetic, which has no rung at a `max_epochs` of 243 where grace is 1 and factor 3.
        count = int(np.log(rule.max_epochs / rule.grace) / np.log(rule.factor) + 1)
        self._rungs = [_Entries(rule.grace * rule.factor**place) for place in reversed(range(count))]

    def rungs(self) -> list[Rung]:
        """The rungs, the earliest first."""
        return [
            Rung(rung.epoch, self._bracket, len(rung.values), rung.cutoff(self.rule.factor))
            for rung in reversed(self._rungs)
        ]

    @property
    def expected_epochs(self) -> float:
        """Geometric: all trials come to the first rung, a `factor`-th of them goes on to the next, and so on.

        Asynchronous, it lets more of the first ones pass.
        """
        expected, before, share, rung = 0.0, 0, 1.0, self.rule.grace
        while rung < self.rule.max_epochs:
            expected += share * (rung - before)
            before, rung, share = rung, rung * self.rule.factor, share / self.rule.factor
        return expected + share * (self.rule.max_epochs - before)

    def _take(self, number: int, epoch: int, value: float) -> bool:
        rung = next((rung for rung in self._rungs if epoch >= rung.epoch and number not in rung.numbers), None)
        if rung is None:
            return epoch >= self.rule.max_epochs
        cutoff = rung.cutoff(self.rule.factor)
        rung.add(number, value)
        return epoch >= self.rule.max_epochs or (cutoff is not None and value < cutoff)


class Hyperband(Scheduler):
    """Asynchronous Hyperband: brackets of successive halving that begin to compare at different epochs.

    Bracket b is an `Asha` with a grace of `grace * factor**b`. How many trials it gets is Hyperband's
    (`bracket_sizes`); which ones follows from the seed and the trial's number alone.
    """

    name = "hyperband"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        sizes = bracket_sizes(grace=rule.grace, factor=rule.factor, max_epochs=rule.max_epochs)
        self._slots = [bracket for bracket, size in enumerate(sizes) for _ in range(size)]
        self._brackets = [
            Asha(replace(rule, grace=rule.grace * rule.factor**bracket), bracket=bracket)
            for bracket in range(len(sizes))
        ]
        self._bracket_of: dict[int, int] = {}

    def result(self, number: int, epoch: int, value: float) -> bool:
        """Whether the trial should stop now."""
        return self._brackets[self.bracket(number)].result(number, epoch, value)

    def rungs(self) -> list[Rung]:
        """The rungs of every bracket, bracket by bracket."""
        return [rung for bracket in self._brackets for rung in bracket.rungs()]

    @property
    def expected_epochs(self) -> float:
        """Each bracket spends the same on its trials, so that their average is the harmonic mean of the brackets'."""
        if not self._brackets:
            return float(self.rule.max_epochs)
        return len(self._brackets) / sum(1 / bracket.expected_epochs for bracket in self._brackets)

    def bracket(self, number: int) -> int:
        """The trial's bracket: each round of `sum(bracket_sizes(...))` trials gives every bracket its share."""
        if number not in self._bracket_of:
            block, place = divmod(number, len(self._slots))
            # Of Python's generator only random() is promised to stay the same in later versions.
            random = Random(f"{self.rule.seed} {block}")
            keys = [random.random() for _ in self._slots]
            order = sorted(range(len(self._slots)), key=keys.__getitem__)
            self._bracket_of[number] = self._slots[order[place]]
        return self._bracket_of[number]


def bracket_sizes(*, grace: int, factor: int, max_epochs: int) -> list[int]:
    """How many trials each bracket gets in one round of Hyperband, the bracket with the smallest grace first.

    Algorithm 1 of Li et al. 2018 (https://jmlr.org/papers/v18/16-558.html): with s_max + 1 brackets, the one that
    halves s times begins with ceil((s_max + 1) * factor**s / (s + 1)) trials; all have about the same budget of epochs.
    """
    count = 0
    while grace * factor**count <= max_epochs:
        count += 1
    return [-(-count * factor**halvings // (halvings + 1)) for halvings in reversed(range(count))]


@dataclass
class _Progress:
    """A trial so far."""

    best: float = -math.inf
    total: Fraction = Fraction()  # exact, so that equal values have that value as their average
    epochs: int = 0

    def add(self, value: float) -> None:
        self.best = max(self.best, value)
        self.total += Fraction(value)
        self.epochs += 1

    @property
    def average(self) -> float:
        return float(self.total / self.epochs)


class Median(_Remembering):
    """Vizier's median stopping rule (Golovin et al. 2017, section 3.2.2, https://doi.org/10.1145/3097983.3098043).

    From epoch `grace` on a trial stops where its best value so far is strictly below the median of the other trials'
    running averages up to that epoch. Others are all that came to the epoch before it; Vizier takes the completed ones
    alone, which are few where most trials are stopped.
    """

    name = "median"

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self._trials: dict[int, _Progress] = {}
        self._averages: dict[int, list[float]] = {}  # by epoch, ascending

    @property
    def expected_epochs(self) -> float:
        """Half the trials are taken to stop at `grace`."""
        return (min(self.rule.grace, self.rule.max_epochs) + self.rule.max_epochs) / 2

    def _take(self, number: int, epoch: int, value: float) -> bool:
        trial = self._trials.setdefault(number, _Progress())
        trial.add(value)
        others = self._averages.setdefault(epoch, [])
        compared = epoch >= self.rule.grace and len(others) >= MEDIAN_OTHERS
        stop = compared and trial.best < quantile(others, 0.5)
        insort(others, trial.average)
        return stop


SCHEDULERS: Mapping[str, type[Scheduler]] = {one.name: one for one in (Asha, Hyperband, Median, Never)}


def make_scheduler(name: SchedulerName, *, grace: int, factor: int, max_epochs: int, seed: int = 0) -> Scheduler:
    """The scheduler by name. `grace` and `max_epochs` are in epochs; the best 1/`factor` of a rung go on.

    Raises:
        ValueError: there is no such scheduler.
    """
    if name not in SCHEDULERS:
        *others, last = SCHEDULERS
        raise ValueError(f"The scheduler must be {', '.join(others)} or {last}, but got {name!r}.")
    return SCHEDULERS[name](Rule(grace, factor, max_epochs, seed))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which this share (0 to 1) of the ascending values lies, interpolated; at least one value.

    To the last bit what numpy.quantile gives (its method `linear`), without a copy of all values for every question.
    """
    place = (len(ordered) - 1) * share
    lower = math.floor(place)
    weight = place - lower
    low, high = ordered[lower], ordered[min(lower + 1, len(ordered) - 1)]
    return low + (high - low) * weight if weight < 0.5 else high - (high - low) * (1 - weight)
