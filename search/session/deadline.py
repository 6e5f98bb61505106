"""When a session must be over: by `--deadline`, or by the end of the SLURM job that it runs in."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from search.study.config import budget_seconds
from trainables.errors import UserError

SLURM_END = "SLURM_JOB_END_TIME"  # seconds since 1970
MARGIN = 60.0  # seconds before it for trials to save, for MLflow and for Ray's end; of a short time a quarter


@dataclass(frozen=True)
class Deadline:
    """When to begin to stop, on the monotonic clock, and what it is that comes then."""

    stops_at: float
    what: str


def deadline_of(
    given: str | None,
    environment: Mapping[str, str],
    *,
    now: Callable[[], float] = time.time,
    clock: Callable[[], float] = time.monotonic,
) -> Deadline | None:
    """The earlier of the time that was given (`110min`, from now on) and the SLURM job's end; None where there is none.

    Raises UserError where what was given is no time, or the job's end can't be read.
    """
    ends = {}
    if given is not None:
        try:
            ends["its deadline"] = budget_seconds(given)
        except ValueError as error:
            raise UserError(f"--deadline {error}") from error
    if end := environment.get(SLURM_END):
        ends["the SLURM job's end"] = _seconds_until(end, now())
    if not ends:
        return None
    what, seconds = min(ends.items(), key=lambda one: one[1])
    return Deadline(clock() + seconds - min(MARGIN, seconds / 4), what)


def _seconds_until(end: str, now: float) -> float:
    try:
        return max(float(end) - now, 0.0)
    except ValueError as error:
        raise UserError(
            f"{SLURM_END} must be seconds since 1970, as SLURM sets it, but it is {end!r}: unset it, or correct it."
        ) from error
