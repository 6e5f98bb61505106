"""Runs a study's driver with workers that only pretend to train: real ledger, sampler and scheduler, simulated time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from search_fakes import epoch

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, ModalitySearch, Next, NextAttempt, Resources
from search.ledger.events import SessionBegan, StudyCreated
from search.ledger.ledger import Ledger, create_ledger
from search.methods.sampler import Sampler
from search.methods.stopping import make_scheduler
from search.space.dimensions import Choice, FloatRange
from search.study.config import Point
from trainables.records import EpochResult, StopReason

SPACE = {
    "rate": FloatRange(low=1e-5, high=1.0, log=True),
    "decay": FloatRange(low=0.0, high=0.5),
    "size": Choice(choices=(16, 32, 64)),
}
OWN = {"rate": 1e-2, "decay": 0.1, "size": 32, "depth": 2}
MAX_EPOCHS = 9
Curve = Callable[[NextAttempt, int], float]


def curve(attempt: NextAttempt, number: int) -> float:
    """A val accuracy that only the trial and the epoch decide; better near a rate of 0.01."""
    noise = random.Random(f"{attempt.trial_id} {number}").uniform(-0.05, 0.05)
    distance = abs(float(attempt.config["rate"]) ** 0.25 - 0.01**0.25)
    return max(0.0, 0.9 - distance - 0.5 / (number + 1) + noise)


def search_of(modality: str = "image", **changes: Any) -> ModalitySearch:
    """A search over two hyperparameters, 12 trials, two of them fixed."""
    method, rule = changes.pop("method", "tpe"), changes.pop("scheduler", "asha")
    sampler = Sampler(SPACE, method=method, seed=3, startup_trials=4, parallel=changes.pop("parallel", False))
    defaults: dict[str, Any] = {
        "modality": modality,
        "trials": 12,
        "points": [Point(dict(OWN), True), Point({**OWN, "depth": 3}, False)],
        "own": OWN,
        "searched": list(SPACE),
        "sampler": sampler,
        "scheduler": make_scheduler(rule, grace=1, factor=2, max_epochs=MAX_EPOCHS, seed=3),
        "resources": Resources(1, 0),
        "objective": lambda best: [best.val_accuracy],
    }
    return ModalitySearch(**{**defaults, **changes})


def new_ledger(folder: Path, name: str = "ledger.jsonl") -> Ledger:
    """A ledger of a study that has just begun."""
    create_ledger(folder / name, StudyCreated(study={"name": "demo"}, uid="u", data={}, versions={}), 0.0)
    return Ledger(folder / name)


def session(ledger: Ledger, *searches: ModalitySearch, at_once: int = 1, **options: Any) -> StudyDriver:
    """A driver that has just come to life."""
    ledger.append(SessionBegan("here", 1))
    limits = options.pop("limits", Limits())

    def fits(running: Mapping[str, int], modality: str) -> bool:
        return sum(running.values()) < at_once

    return StudyDriver(searches or [search_of()], ledger, limits, fits=fits, **options)


def simulate(
    driver: StudyDriver, value: Curve = curve, *, events: int | None = None, begun: Sequence[NextAttempt] = ()
) -> None:
    """Run attempts until the driver has no more, or so many epochs have ended. `begun`: attempts that run already."""
    clock, counter = 0.0, 0
    running = [(_seconds(one), one.trial_id, one, one.recorded + 1) for one in begun]
    heapq.heapify(running)
    while events is None or counter < events:
        while isinstance(found := driver.next_attempt(), NextAttempt):
            heapq.heappush(
                running, (clock + _seconds(found), found.trial_id, found, min(found.recorded + 1, MAX_EPOCHS))
            )
        if found is Next.DONE:
            return
        clock, _, attempt, number = heapq.heappop(running)
        counter += 1
        ends = StopReason.COMPLETED if number >= MAX_EPOCHS else None
        if not driver.epoch_ended(attempt.trial_id, result_of(driver, attempt, number, value), "here 1", ends):
            heapq.heappush(running, (clock + _seconds(attempt), attempt.trial_id, attempt, number + 1))


def result_of(driver: StudyDriver, attempt: NextAttempt, number: int, value: Curve = curve) -> EpochResult:
    """The epoch's result, with the best so far."""
    values = [value(attempt, one) for one in range(1, number + 1)]
    return epoch(number, values[-1], max(values), values.index(max(values)) + 1)


def _seconds(attempt: NextAttempt) -> float:
    """An epoch takes longer with larger batches."""
    return 1.0 + float(attempt.config["size"]) / 100


def facts(ledger: Ledger) -> dict[str, Any]:
    """What must be the same whatever happened on the way."""
    return {
        trial.trial_id: (trial.params, trial.stop_reason, [e.val_accuracy for e in trial.epochs])
        for trial in ledger.state.trials.values()
    }
