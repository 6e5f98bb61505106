"""Spaces for the sampler's tests, and random histories of a search that are on record and can be replayed."""

from __future__ import annotations

import json
import math
import random
from typing import Any

from search.methods.sampler import Sampler
from search.space.dimensions import Choice, FloatRange, IntRange, Space
from trainables.records import StopReason

SPACE: Space = {
    "rate": FloatRange(low=1e-5, high=1e-2, log=True),
    "size": IntRange(low=32, high=128, step=32),
    "widths": Choice(choices=([512, 256], [256])),
    "dropout": FloatRange(low=0, high=0.5),
    "fixed": IntRange(low=3, high=3),
}
# Every kind of dimension, with and without steps; its lowest corner.
EVERY_KIND: Space = {
    "rate": FloatRange(low=1e-5, high=1e-2, log=True),
    "dropout": FloatRange(low=0, high=0.55, step=0.1),
    "size": IntRange(low=32, high=128, step=32),
    "widths": Choice(choices=([512, 256], [256], [])),
    "momentum": Choice(choices=(None, 0.1, 0.03)),
    "fit": Choice(choices=("pad", "crop")),
}
LOWEST = {"rate": 1e-5, "dropout": 0.0, "size": 32, "widths": (512, 256), "momentum": None, "fit": "pad"}
# Each key but `kind` and `rate` depends on another one; `heat` on one that has conditions itself.
CONDITIONAL: Space = {
    "heat": FloatRange(low=0, high=1, when={"schedule": ("cosine",), "widths": ((8,),)}),
    "momentum": FloatRange(low=0.5, high=0.99, when={"kind": ("sgd",)}),
    "schedule": Choice(choices=("flat", "cosine"), when={"kind": ("sgd", "adam")}),
    "widths": Choice(choices=((8,), (4, 4))),
    "kind": Choice(choices=("adam", "sgd", "lion")),
    "rate": FloatRange(low=1e-5, high=1e-2, log=True),
    "decay": FloatRange(low=0, high=1),
}


def sampler(space: Space = SPACE, method: str = "tpe", **changes: Any) -> Sampler:
    """A sampler that soon makes use of what it saw."""
    settings = {"seed": 3, "startup_trials": 3, "parallel": True, **changes}
    return Sampler(space, method=method, **settings)


def quality(values: dict[str, Any]) -> float:
    """What a trial of these values reaches: best at a rate of 1e-3."""
    return 1 / (1 + abs(math.log10(values["rate"]) + 3)) - 0.1 * values.get("momentum", 0.0)


class History:
    """A search by chance: up to three trials at once, each end that there is. Every event is on record."""

    def __init__(self, seed: int, space: Space, method: str, objectives: int = 1) -> None:
        self.random = random.Random(seed)
        self._make = lambda: sampler(space, method, seed=seed, objectives=objectives)
        self._objectives, self.sampler = objectives, self._make()
        self.events: list[tuple[str, list[Any]]] = []
        self._running: dict[int, dict[str, Any]] = {}
        self._numbers = [number + self.random.choice((0, 100)) for number in range(100)]
        self._point: dict[str, Any] = sampler(space, "random", seed=seed + 1).propose(0)

    def replayed(self) -> Sampler:
        """Another sampler that was told the record, as it comes from a file."""
        other = self._make()
        for name, given in json.loads(json.dumps(self.events)):
            if name == "add":
                given[1] = {int(epoch): value for epoch, value in given[1].items()}
            getattr(other, name)(*given)
        return other

    def step(self, *, compare: bool = True) -> None:
        """One event; before a proposal the law is checked."""
        if len(self._running) < self.random.randint(1, 3):
            self._begin(compare)
        elif self.random.random() < 0.5:
            number = self.random.choice(list(self._running))
            self._tell("reported", number, self.random.randint(1, 9), self.random.random())
        else:
            self._finish()

    def _begin(self, compare: bool) -> None:
        number, chance = self._numbers.pop(0), self.random.random()
        if chance < 0.1:
            self._tell("started", number, None)
            values = self._point
        elif chance < 0.2:
            values = self._point
            self._tell("started", number, values)
        else:
            other = self.replayed() if compare else None
            values = self.sampler.propose(number)
            if other is not None:
                assert other.propose(number) == values
            self.events.append(("started", [number, values]))
        self._running[number] = values

    def _finish(self) -> None:
        number = self.random.choice(list(self._running))
        value = quality(self._running.pop(number))
        reasons = [StopReason.COMPLETED] * 5 + [StopReason.PRUNED] * 3 + [StopReason.FAILED, StopReason.DIVERGED]
        values = [value, self.random.random()][: self._objectives]
        self._tell("ended", number, self.random.choice(reasons), values)
        if self.random.random() < 0.1:
            self._tell("add", self._point, {1: 0.2, 2: value}, StopReason.COMPLETED, values)

    def _tell(self, name: str, *given: Any) -> None:
        self.events.append((name, list(given)))
        getattr(self.sampler, name)(*given)
