"""How a trial's end stands in Optuna's records: the sampler's own, and the journal for Optuna's users."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from optuna.trial import TrialState

from trainables.records import StopReason

OUTSIDE = "outside_space"  # the mark of a trial whose point leaves the space


def optuna_end(
    reason: StopReason, values: Sequence[float] | None, reports: Mapping[int, float], *, objectives: int
) -> tuple[TrialState, list[float] | None]:
    """Optuna's state and values of a trial that ended so.

    `values`: one an objective, at the trial's best epoch; they are those of a completed trial. `reports`: val accuracy
    by epoch; the last one is the value of a pruned trial, which there is with one objective alone. All others have
    failed and have no value, those too that completed without a finite one.

    Raises:
        ValueError: a completed trial has another number of values than there are objectives.
    """
    if reason == StopReason.COMPLETED and values is not None and all(map(math.isfinite, values)):
        if len(values) != objectives:
            raise ValueError(f"`len(values) == {objectives}` must hold, but got {list(values)}.")
        return TrialState.COMPLETE, [float(value) for value in values]
    if reason == StopReason.PRUNED and objectives == 1:
        return TrialState.PRUNED, [reports[max(reports)]] if reports else None
    return TrialState.FAIL, None
