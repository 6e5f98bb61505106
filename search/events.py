"""What happens to trials, in our own words: Ray Tune's callbacks translated once, for listeners that know no Ray."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ray import tune

from trainables.checkpoint import drop_states, restore_replaced
from trainables.records import BEST_FOLDER, DETAIL, NOTE, STOP_REASON, EpochResult, StopReason, TrialRecord
from trainables.tune_adapter import HYPERPARAMETERS, NUMBER, trial_name

RESUMABLE = (StopReason.FAILED, StopReason.LOST, StopReason.INTERRUPTED)  # trials that may go on from their last state
ERROR_LENGTH = 4000  # characters of a traceback that are kept, its end


@dataclass(frozen=True)
class TrialStart:
    """A trial that begins."""

    trial_id: str
    number: int
    modality: str
    params: Mapping[str, Any]  # what tells it from other trials: the searched hyperparameters, a point's others
    config: Mapping[str, Any]  # all of them


class Listener(Protocol):
    """Who wants to know. Each trial starts once, each of its epochs ends once, each trial ends once."""

    def trial_started(self, start: TrialStart) -> None:
        """A trial begins."""

    def epoch_ended(self, start: TrialStart, result: EpochResult) -> None:
        """An epoch of it is done."""

    def trial_ended(self, record: TrialRecord) -> None:
        """It is over, for the reason in the record."""


@dataclass
class _Open:
    start: TrialStart
    began: float = field(default_factory=time.time)
    epochs: list[EpochResult] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class TuneEvents(tune.Callback):
    """Ray Tune's callback: keeps the trials that are open, and tells the listeners."""

    def __init__(
        self,
        study: str,
        modality: str,
        study_folder: Path,
        searched: Sequence[str],
        listeners: Sequence[Listener],
        own: Mapping[str, Any] | None = None,
    ) -> None:
        """`own`: the section's own values; where a fixed point departs from them, that is among its trial's params."""
        self._own = dict(own or {})
        self._study, self._modality, self._folder = study, modality, study_folder
        self._searched, self._listeners = tuple(searched), tuple(listeners)
        self._open: dict[str, _Open] = {}
        self.ended = 0  # trials that came to an end of their own, interrupted ones not counted

    def on_trial_start(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
        """A retry of a trial that is open already isn't a second start."""
        self._opened(trial)

    def _opened(self, trial: Any) -> _Open:
        """The open trial; a trial that failed before it started is opened here, so that it has a record too."""
        if trial.trial_id not in self._open:
            hyperparameters = trial.config[HYPERPARAMETERS]
            start = TrialStart(
                trial_name(self._modality, trial.config[NUMBER]),
                trial.config[NUMBER],
                self._modality,
                self._params(hyperparameters),
                hyperparameters,
            )
            self._open[trial.trial_id] = _Open(start)
            for listener in self._listeners:
                listener.trial_started(start)
        return self._open[trial.trial_id]

    def _params(self, hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
        """What tells the trial from others: the searched values, and those that its point set outside of the space."""
        departed = [key for key, value in self._own.items() if hyperparameters[key] != value]
        return {key: hyperparameters[key] for key in dict.fromkeys([*self._searched, *departed])}

    def on_trial_result(
        self, iteration: int, trials: Sequence[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A result that ends a trial without a reason of its own is the scheduler's doing; Tune reads it back here."""
        opened = self._opened(trial)
        if result.get("done") and STOP_REASON not in result:
            result[STOP_REASON] = StopReason.PRUNED.value
        opened.notes += str(result.get(NOTE, "")).splitlines()
        if math.isnan(result["val_accuracy"]) or any(e.epoch == result["epoch"] for e in opened.epochs):
            return  # it ended without a result, or a retry repeats an epoch that is on record
        epoch = EpochResult(**{name: result[name] for name in EpochResult.__dataclass_fields__})
        opened.epochs.append(epoch)
        for listener in self._listeners:
            listener.epoch_ended(opened.start, epoch)

    def on_trial_complete(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
        """The reason is in the last result."""
        last = trial.last_result or {}
        reason = StopReason(last.get(STOP_REASON, StopReason.INTERRUPTED))
        self._end(trial.trial_id, reason, last.get(DETAIL))

    def on_trial_error(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
        """It failed more often than it may."""
        self._opened(trial)
        self._end(trial.trial_id, StopReason.FAILED, error_text(trial))

    def close(self) -> None:
        """The search is over: what is still open was interrupted."""
        for tune_id in list(self._open):
            self._end(tune_id, StopReason.INTERRUPTED, None)

    def _end(self, tune_id: str, reason: StopReason, error: str | None) -> None:
        opened = self._open.pop(tune_id, None)
        if opened is None:
            return
        self.ended += reason != StopReason.INTERRUPTED
        record = self._record(opened, reason, error)
        for listener in self._listeners:
            listener.trial_ended(record)

    def _record(self, opened: _Open, reason: StopReason, error: str | None) -> TrialRecord:
        start = opened.start
        checkpoint = Path(self._modality) / start.trial_id / BEST_FOLDER
        restore_replaced(self._folder / checkpoint)  # a worker killed between two renames left it under another name
        if reason not in RESUMABLE:
            drop_states(self._folder / checkpoint.parent)
        return TrialRecord(
            study=self._study,
            modality=self._modality,
            trial_id=start.trial_id,
            number=start.number,
            params=start.params,
            config=start.config,
            stop_reason=reason,
            epochs=tuple(opened.epochs),
            seconds=time.time() - opened.began,
            checkpoint=checkpoint.as_posix() if (self._folder / checkpoint).is_dir() else None,
            error=error,
            notes=tuple(opened.notes),
        )

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its callbacks; listeners (terminals, connections) stay in the driver that made them."""
        return {**self.__dict__, "_listeners": ()}


def error_text(trial: Any) -> str:
    """The end of a trial's traceback."""
    error = trial.get_error()
    text = str(error) if error is not None else "unknown error"
    return text[-ERROR_LENGTH:]
