"""What to try next: an Optuna study behind Ray Tune's searcher interface, told the truth about every trial.

Ray's own `OptunaSearch` tells a trial that the scheduler stopped as complete, and drops its last report; one whose
metric isn't finite stays running for ever. Here each trial ends as what it was: complete with its best val accuracy,
pruned at its last epoch, or failed. The one exception are trials outside of the space: the sampler sees them as
failed, so that it overlooks them. What became of them is in the journal and in `trials.jsonl`.
"""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState
from ray.tune.search import Searcher

from search.projections import OUTSIDE, STATE_OF
from search.space import Dimension, from_optuna, to_distributions, to_optuna
from search.study import Point
from trainables.records import (
    BEST_VAL_ACCURACY,
    EPOCH,
    STOP_REASON,
    VAL_ACCURACY,
    StopReason,
)
from trainables.tune_adapter import HYPERPARAMETERS, NUMBER


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
