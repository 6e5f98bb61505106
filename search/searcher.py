"""What to try next: an Optuna study behind Ray Tune's searcher interface, told the truth about every trial.

Ray's own `OptunaSearch` tells a trial that the scheduler stopped as complete, and drops its last report; one whose
metric isn't finite stays running for ever. Here each trial ends as what it was: complete with its best val accuracy,
pruned at its last epoch, or failed. The one exception are trials outside of the space: the sampler sees them as
failed, so that it overlooks them. What became of them is in the journal and in `trials.jsonl`.
"""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from search.space import Dimension, contains, from_optuna, to_distributions, to_optuna
from search.study import Point
from trainables.records import (
    BEST_VAL_ACCURACY,
    EPOCH,
    STOP_REASON,
    VAL_ACCURACY,
    EpochResult,
    StopReason,
    TrialRecord,
)
from trainables.tune_adapter import HYPERPARAMETERS, NUMBER

STATE_OF = {
    StopReason.COMPLETED: TrialState.COMPLETE,
    StopReason.PRUNED: TrialState.PRUNED,
    StopReason.DIVERGED: TrialState.FAIL,
    StopReason.OOM: TrialState.FAIL,
    StopReason.FAILED: TrialState.FAIL,
    StopReason.LOST: TrialState.FAIL,
    StopReason.INTERRUPTED: TrialState.FAIL,
}
OUTSIDE = "outside_space"  # a trial's mark in Optuna's record: its point leaves the space


def make_sampler(method: str, *, seed: int, startup_trials: int, concurrency: int) -> optuna.samplers.BaseSampler:
    """Optuna's sampler by name; with several trials at once, running ones count as bad so that none is repeated."""
    if method == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if method == "cmaes":
            return optuna.samplers.CmaEsSampler(
                seed=seed, n_startup_trials=startup_trials, warn_independent_sampling=False
            )
        if method == "gp":
            return optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup_trials)
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup_trials, constant_liar=concurrency > 1)


class StudySearcher(Searcher):
    """Ray Tune's searcher over one modality's space: first the fixed points, then what the sampler proposes."""

    def __init__(
        self,
        space: Mapping[str, Dimension],
        points: Sequence[Point],
        own: Mapping[str, Any],
        sampler: optuna.samplers.BaseSampler,
    ) -> None:
        """`points`: the trials to begin with; `own`: every hyperparameter's value where the space has no say."""
        super().__init__(metric=VAL_ACCURACY, mode="max")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._space, self._distributions = dict(space), to_distributions(dict(space))
        self._points, self._own = list(points), dict(own)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._running: dict[str, optuna.trial.Trial] = {}

    def suggest(self, trial_id: str) -> dict[str, Any]:
        """The next trial's hyperparameters and number."""
        point = self._points.pop(0) if self._points else None
        if point is not None and not point.in_space:
            trial = self._study.ask()
            trial.set_user_attr(OUTSIDE, True)
            values = dict(point.values)
        else:
            if point is not None:
                self._study.enqueue_trial(to_optuna(self._space, point.values))
            trial = self._study.ask(fixed_distributions=self._distributions)
            values = {**self._own, **from_optuna(self._space, trial.params)}
        self._running[trial_id] = trial
        return {HYPERPARAMETERS: values, NUMBER: trial.number}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """One epoch's val accuracy. A trial that was suggested after the last snapshot is unknown here."""
        if trial_id in self._running:
            self._running[trial_id].report(result[VAL_ACCURACY], int(result[EPOCH]))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """How the trial ended. Ray Tune doesn't pass on the result that ends a trial: it is reported here."""
        trial = self._running.pop(trial_id, None)
        if trial is None:
            return
        state = STATE_OF[StopReason((result or {}).get(STOP_REASON, StopReason.FAILED))]
        # Complete but without parameters, a trial outside of the space would end TPE's joint sampling (the parameters
        # that all trials share would be none) and take a place among the best.
        if error or not result or OUTSIDE in trial.user_attrs:
            state = TrialState.FAIL
        if state != TrialState.FAIL and result:
            trial.report(result[VAL_ACCURACY], int(result[EPOCH]))
        value = result[BEST_VAL_ACCURACY] if state == TrialState.COMPLETE and result else None
        self._study.tell(trial, value, state=state)

    def save(self, checkpoint_path: str) -> None:
        """Tune's snapshot of the searcher: the Optuna study in it has no storage of its own that could run ahead."""
        with Path(checkpoint_path).open("wb") as stream:
            pickle.dump(self.__dict__, stream)

    def restore(self, checkpoint_path: str) -> None:
        """Go on from such a snapshot. Like all of Tune's state it is a pickle: trust the folder as you trust code."""
        with Path(checkpoint_path).open("rb") as stream:
            self.__dict__.update(pickle.load(stream))  # noqa: S301

    @property
    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """Optuna's own record."""
        return self._study.get_trials(deepcopy=False)


class OptunaRecord:
    """A listener that keeps Optuna's own record in a journal file, for its plots, its dashboard and its users.

    Written one finished trial at a time and never read back by the search: a projection, not a second truth.
    """

    def __init__(
        self, journal: Path, study: str, modality: str, space: Mapping[str, Dimension], own: Mapping[str, Any]
    ) -> None:
        self._space, self._distributions, self._own = dict(space), to_distributions(dict(space)), dict(own)
        self._study = optuna.create_study(
            storage=open_journal(journal), study_name=f"{study}/{modality}", direction="maximize", load_if_exists=True
        )

    def trial_started(self, start: object) -> None:
        """Only ended trials are written."""

    def epoch_ended(self, start: object, result: EpochResult) -> None:
        """Epochs are written with their trial."""

    def trial_ended(self, record: TrialRecord) -> None:
        """The trial with its parameters, its val accuracy by epoch and its state."""
        state = STATE_OF[record.stop_reason]
        inside = self._inside(record)
        best = record.best
        value = None
        if best is not None and state == TrialState.COMPLETE:
            value = best.val_accuracy
        elif record.epochs and state == TrialState.PRUNED:
            value = record.epochs[-1].val_accuracy
        self._study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=value,
                params=to_optuna(self._space, record.params) if inside else {},
                distributions=self._distributions if inside else {},
                intermediate_values={epoch.epoch: epoch.val_accuracy for epoch in record.epochs},
                user_attrs={"trial_id": record.trial_id, STOP_REASON: record.stop_reason.value, OUTSIDE: not inside},
            )
        )

    def _inside(self, record: TrialRecord) -> bool:
        """Whether the space could have proposed the trial."""
        as_own = all(value == self._own[key] for key, value in record.config.items() if key not in self._space)
        return as_own and all(contains(self._space[key], record.params[key]) for key in self._space)


def open_journal(journal: Path) -> optuna.storages.JournalStorage:
    """Optuna's storage over a journal file."""
    from optuna.storages.journal import JournalFileBackend

    logging.getLogger("optuna").setLevel(logging.WARNING)
    return optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
