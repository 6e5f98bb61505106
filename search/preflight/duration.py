"""How long a search will take, from a few measured steps: arithmetic alone."""

from __future__ import annotations

from dataclasses import dataclass


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


def slowdown(gpus: float, utilization: float | None) -> float:
    """How many times longer a step takes beside the other trials on its GPU, where one alone keeps it busy so much."""
    if not 0 < gpus < 1 or utilization is None:
        return 1.0
    return max(1.0, int(1 / gpus + 1e-9) * utilization)
