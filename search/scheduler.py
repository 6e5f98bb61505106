"""Which trials go on: asynchronous successive halving (ASHA) on val accuracy by epoch."""

from __future__ import annotations

import math
from typing import Any

from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, TrialScheduler

from search.sections import SchedulerSection
from trainables.records import EPOCH, VAL_ACCURACY, UserError


class Asha(ASHAScheduler):
    """Ray's ASHA, but a value that isn't a number is no rung's entry: no comparison with it would ever stop a trial."""

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """CONTINUE or STOP."""
        if math.isnan(result.get(VAL_ACCURACY, math.nan)):
            return str(TrialScheduler.STOP)
        return str(super().on_trial_result(tune_controller, trial, result))

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """The last result of a trial that ended by itself counts in its rung, too."""
        if math.isnan(result.get(VAL_ACCURACY, math.nan)):
            self.on_trial_remove(tune_controller, trial)
            return
        super().on_trial_complete(tune_controller, trial, result)


def make_scheduler(scheduler: SchedulerSection, max_epochs: int) -> TrialScheduler:
    """The scheduler of one modality's search; with none every trial runs to its end."""
    if scheduler.name == "none":
        return FIFOScheduler()
    if scheduler.name != "asha":
        raise UserError(f"search.scheduler.name must be asha or none here, but got {scheduler.name}: set one of them.")
    return Asha(
        time_attr=EPOCH,
        metric=VAL_ACCURACY,
        mode="max",
        max_t=max_epochs,
        grace_period=scheduler.grace,
        reduction_factor=scheduler.factor,
    )
