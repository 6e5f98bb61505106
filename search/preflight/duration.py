"""How long a search will take, from a few measured steps: arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass

from search.study.sections import SearchedSection


@dataclass(frozen=True)
class Work:
    """What one modality's search computes."""

    trials: int
    epochs: float  # of a trial, expected
    steps_per_epoch: int
    step_seconds: float
    val_samples: int
    evaluate_seconds_per_sample: float
    at_once: int
    slowdown: float = 1.0  # of a trial beside the others on its GPU


def estimate(work: Work) -> float:
    """Seconds of the whole search: trials x epochs x (steps and evaluation) / trials at once, each slowed down.

    Starting, decoding and checkpoints aren't in it, nor that `patience` ends trials early; the last trials leave places
    empty, so that the trials are rounded up to whole rounds.
    """
    epoch = work.steps_per_epoch * work.step_seconds + work.val_samples * work.evaluate_seconds_per_sample
    rounds = -(-work.trials // work.at_once)
    return rounds * work.epochs * epoch * work.slowdown


def expected_epochs(scheduler: str, max_epochs: int, grace: int, factor: int) -> float:
    """Epochs of a trial on average under `asha`, `hyperband`, `median` or `none`.

    ASHA, geometric: all trials come to the first rung at `grace` epochs, a `factor`-th of them goes on to the next at
    `grace * factor`, and so on to `max_epochs`. (Asynchronous, it lets more of the first ones pass.) Hyperband spends
    the same on each of its brackets, ASHAs whose first rungs are at `grace`, `grace * factor` and so on. By the median
    half the trials are taken to stop at `grace`.
    """
    if scheduler == "asha":
        return _successive_halving(max_epochs, grace, factor)
    if scheduler == "hyperband":
        brackets, first = [], grace
        while first <= max_epochs:
            brackets.append(_successive_halving(max_epochs, first, factor))
            first *= factor
        return len(brackets) / sum(1 / epochs for epochs in brackets) if brackets else float(max_epochs)
    if scheduler == "median":
        return (min(grace, max_epochs) + max_epochs) / 2
    return float(max_epochs)


def _successive_halving(max_epochs: int, grace: int, factor: int) -> float:
    expected, rung, share = 0.0, 0, 1.0
    following = grace
    while following < max_epochs:
        expected += share * (following - rung)
        rung, following, share = following, following * factor, share / factor
    return expected + share * (max_epochs - rung)


def slowdown(gpus: float, utilization: float | None) -> float:
    """How many times longer a step takes beside the other trials on its GPU, where one alone keeps it busy so much."""
    if not 0 < gpus < 1 or utilization is None:
        return 1.0
    return max(1.0, int(1 / gpus + 1e-9) * utilization)


def scheduler_of(section: SearchedSection) -> tuple[str, int, int]:
    """A search's scheduler by name, with its first rung and its factor."""
    scheduler = section.search.scheduler
    return scheduler.name, scheduler.grace, scheduler.factor
