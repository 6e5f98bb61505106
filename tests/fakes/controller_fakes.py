"""Ray Tune's side of its searchers, schedulers and callbacks, in the order in which its controller calls them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from trainables.records import EpochResult, StopReason

NAN = float("nan")


class FakeTrial:
    """What Tune's callbacks and schedulers look at in a trial."""

    def __init__(self, trial_id: str, config: dict[str, Any]) -> None:
        self.trial_id, self.config = trial_id, config
        self.status = Trial.PENDING
        self.last_result: dict[str, Any] = {}
        self.pickled_error_file: str | None = None
        self.error_file: str | None = None


class FakeTune:
    """One experiment, its trials run by the test."""

    def __init__(
        self,
        searcher: Searcher,
        scheduler: TrialScheduler | None = None,
        callbacks: Sequence[Callback] = (),
        folder: Path | None = None,
    ) -> None:
        """`folder`: where errors are written."""
        self.searcher, self.scheduler = searcher, scheduler or FIFOScheduler()
        self.callbacks, self.folder = callbacks, folder
        self.trials: list[FakeTrial] = []

    def get_trials(self) -> list[FakeTrial]:
        """All of them."""
        return self.trials

    def suggest(self) -> Any:
        """What the searcher says now: a trial, which is begun, None or FINISHED."""
        trial_id = f"tune{len(self.trials)}"
        config = self.searcher.suggest(trial_id)
        if not isinstance(config, dict):
            return config
        trial = FakeTrial(trial_id, config)
        self.trials.append(trial)
        self.scheduler.on_trial_add(self, trial)
        trial.status = Trial.RUNNING
        return trial

    def begin(self) -> FakeTrial:
        """A trial, which there must be."""
        trial = self.suggest()
        assert isinstance(trial, FakeTrial)
        return trial

    def result(self, trial: FakeTrial, result: dict[str, Any]) -> bool:
        """A trial reports; whether it is stopped then."""
        result = {"training_iteration": result.get("epoch", 1), **result}
        trial.last_result = result
        stop = bool(result.get("done"))
        if not stop:
            decision = self.scheduler.on_trial_result(self, trial, result)
            assert decision in (TrialScheduler.CONTINUE, TrialScheduler.STOP)
            stop = decision == TrialScheduler.STOP
        if not stop:
            self.searcher.on_trial_result(trial.trial_id, result)
        for callback in self.callbacks:
            callback.on_trial_result(0, self.trials, trial, result)
        if stop:
            self.complete(trial)
        return stop

    def complete(self, trial: FakeTrial) -> None:
        """A trial has ended."""
        trial.status = Trial.TERMINATED
        self.scheduler.on_trial_complete(self, trial, trial.last_result)
        self.searcher.on_trial_complete(trial.trial_id, result=trial.last_result)
        for callback in self.callbacks:
            callback.on_trial_complete(0, self.trials, trial)

    def error(self, trial: FakeTrial, error: Exception) -> None:
        """A trial's worker raised this, or died."""
        trial.status = Trial.ERROR
        if self.folder is not None:
            trial.pickled_error_file, trial.error_file = str(self.folder / "error.pkl"), str(self.folder / "error.txt")
            Path(trial.pickled_error_file).write_bytes(pickle.dumps(error))
            Path(trial.error_file).write_text(f"Failure\n{error}\n")
        self.scheduler.on_trial_error(self, trial)
        self.searcher.on_trial_complete(trial.trial_id, error=True)
        for callback in self.callbacks:
            callback.on_trial_error(0, self.trials, trial)


def ended_result(epoch: int, reason: StopReason, detail: str | None = None, **more: Any) -> dict[str, Any]:
    """What the trainable reports where a trial ends without an epoch."""
    fields = {**dict.fromkeys(EpochResult.__dataclass_fields__, NAN), "epoch": epoch}
    why = {} if detail is None else {"detail": detail}
    return {**fields, "done": True, "stop_reason": reason.value, "worker": "here 1", "note": "", **why, **more}
