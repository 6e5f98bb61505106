"""A search in simulated time: workers that read their trials' curves, and what was found by when."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Config = Mapping[str, Any]
TRAINED = "trained"  # in a configuration that was trained before: epochs after which it goes on, as from a checkpoint


@dataclass(frozen=True)
class Curve:
    """One configuration, epoch by epoch."""

    accuracies: NDArray[np.float64]  # after each epoch
    seconds: NDArray[np.float64]  # since the trial began, ascending


class Contestant(Protocol):
    """A search method. Trials are numbered in the order in which they begin."""

    def begin(self, number: int) -> Config:
        """The configuration of trial `number`, which begins now."""
        ...

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """One epoch's val accuracy, a share; `last`: the trial ends with it by itself. True: it stops now."""
        ...


Maker = Callable[[int], Contestant]  # by seed


@dataclass(frozen=True)
class Found:
    """The best accuracy so far, each time that it rose."""

    times: Sequence[float]  # seconds of all workers
    accuracies: Sequence[float]
    trials: int  # that were begun

    def at(self, seconds: float) -> float:
        """The best up to then; 0 before the first epoch's end."""
        count = int(np.searchsorted(self.times, seconds, side="right"))
        return self.accuracies[count - 1] if count else 0.0


def simulate(contestant: Contestant, curve: Callable[[Config], Curve], *, workers: int, budget: float) -> Found:
    """Run a search until its workers have worked `budget` seconds in all; what would end later isn't seen any more.

    Events come in the order of their time, equal times in the order in which their trials began. A free worker begins
    the next trial at once: deciding takes no time.
    """
    times: list[float] = []
    best: list[float] = []
    begun = 0
    queue: list[tuple[float, int, int, float]] = []  # when, trial, epoch, when the trial began
    curves: dict[int, Curve] = {}

    def begin(now: float) -> None:
        nonlocal begun
        config = contestant.begin(begun)
        curves[begun] = curve(config)
        trained = config.get(TRAINED, 0)
        since = now - (float(curves[begun].seconds[trained - 1]) if trained else 0.0)
        heapq.heappush(queue, (since + float(curves[begun].seconds[trained]), begun, trained + 1, since))
        begun += 1

    for _ in range(workers):
        begin(0.0)
    while queue[0][0] <= budget / workers:
        now, number, epoch, since = heapq.heappop(queue)
        accuracies, seconds = curves[number].accuracies, curves[number].seconds
        accuracy = float(accuracies[epoch - 1])
        if not best or accuracy > best[-1]:  # of equal times both are kept: `at` takes the later one
            times.append(now * workers)
            best.append(accuracy)
        last = epoch == len(accuracies)
        if contestant.result(number, epoch, accuracy / 100, last) or last:
            del curves[number]
            begin(now)
        else:
            heapq.heappush(queue, (since + float(seconds[epoch]), number, epoch + 1, since))
    return Found(times, best, begun)


def mean_and_error(regrets: NDArray[np.float64]) -> tuple[float, float]:
    """The mean over tasks and seeds, (tasks, seeds), and its standard error: that of the seeds, the tasks are given."""
    tasks, seeds = regrets.shape
    variances = regrets.var(axis=1, ddof=1) if seeds > 1 else np.full(tasks, np.nan)
    return float(regrets.mean()), float(np.sqrt((variances / seeds).sum()) / tasks)
