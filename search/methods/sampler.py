"""What to try next in one modality's space: Optuna's samplers behind a plain object that can be rebuilt by replay.

A proposal depends only on the seed, the trial's number and the events before it: told the same events in the same
order, another object proposes the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial

from search.methods.draws import CMAES, GP, METHODS, WARM_START, Draws, new_study
from search.methods.optuna_end import OUTSIDE, optuna_end
from search.space.conditions import search_order
from search.space.dimensions import Space
from search.space.optuna import from_optuna, to_distributions, to_optuna
from trainables.records import StopReason


class Sampler:
    """One modality's proposals. One object serves one thread.

    Every method draws at random until `startup_trials` trials have ended that it learns from, those of a warm start
    counted. Then:

    - `random` goes on so.
    - `tpe` models each key by itself. With `parallel`, running trials count as bad.
    - `cmaes` moves a normal distribution over the ranges; choices and conditional keys are drawn at random. Ten or more
      trials of a warm start tell it where to begin.
    - `gp` fits a Gaussian process to 200 trials at most, the best and the latest; conditional keys are drawn at random.
      A proposal takes seconds where those of the others take milliseconds.

    What a method learns from is a trial's best val accuracy, of the epochs that a pruned one had. Optuna's own record
    has such a trial as pruned, with its last value, as Optuna does.
    """

    def __init__(
        self, space: Space, *, method: str, seed: int, startup_trials: int, parallel: bool, objectives: int = 1
    ) -> None:
        """`objectives`: 1 is val accuracy; 2 has another one that is to be small, for `tpe` and `random` only.

        Raises:
            UserError: `cmaes` where fewer than two ranges are searched in every trial.
        """
        if method not in METHODS or objectives not in (1, 2) or (objectives == 2 and method in (CMAES, GP)):
            raise ValueError(f"No method {method} with {objectives} objectives; known: {', '.join(METHODS)}.")
        optuna.logging.set_verbosity(optuna.logging.ERROR)  # it warns of what can't be helped, at each proposal
        self._space = {key: space[key] for key in search_order(space)}
        self._distributions = to_distributions(self._space)
        self._method, self._objectives = method, objectives
        self._draws = Draws(
            self._space,
            method=method,
            seed=seed,
            startup_trials=startup_trials,
            parallel=parallel,
            objectives=objectives,
        )
        self._storage = optuna.storages.InMemoryStorage()
        self.study = new_study(self._storage, objectives)  # Optuna's own record
        self._study_id = self._storage.get_study_id_from_name(self.study.study_name)
        self._ids: dict[int, int] = {}  # a trial's number -> Optuna's id

    def propose(self, number: int) -> dict[str, Any]:
        """The trial values of the keys that trial `number` searches; it runs from here on.

        Raises:
            ValueError: the trial was started before.
        """
        stored, notes = self._draws.draw(number)
        self._start(number, stored, notes=notes)
        return from_optuna(self._space, stored)

    def started(self, number: int, values: Mapping[str, Any] | None) -> None:
        """A trial that isn't proposed here runs from here on: a fixed point, or one replayed from the record.

        `values` may hold more keys than are searched. None: a point outside of the space, which teaches nothing.

        Raises:
            ValueError: the trial was started before, or the space doesn't contain the values.
        """
        if values is None:
            self._start(number, {}, marks={OUTSIDE: True})
            return
        stored, notes = to_optuna(self._space, values), {}
        if self._method == CMAES:
            # Its state lies in its notes on the trials that it proposed: those that it would propose again.
            drawn, noted = self._draws.draw(number)
            notes = noted if drawn == stored else {}
        self._start(number, stored, notes=notes)

    def reported(self, number: int, epoch: int, value: float) -> None:
        """One epoch's val accuracy of a running trial; an epoch that is known stays, what isn't finite is left out."""
        trial_id = self._ids[number]
        known = self._storage.get_trial(trial_id).intermediate_values
        if self._objectives == 1 and math.isfinite(value) and epoch not in known:
            self._storage.set_trial_intermediate_value(trial_id, epoch, float(value))

    def ended(self, number: int, stop_reason: StopReason, values: Sequence[float] | None) -> None:
        """The end of a running trial. `values`: best val accuracy, then the other objective; looked at if complete."""
        trial = self._storage.get_trial(self._ids[number])
        state, told = optuna_end(stop_reason, values, trial.intermediate_values, objectives=self._objectives)
        if OUTSIDE in trial.user_attrs:
            # Complete but without parameters, it would take a place among the best.
            state, told = TrialState.FAIL, None
        self._storage.set_trial_state_values(self._ids[number], state, told)
        self._draws.see(self._storage.get_trial(self._ids[number]))

    def add(
        self,
        values: Mapping[str, Any],
        reports: Mapping[int, float],
        stop_reason: StopReason,
        results: Sequence[float] | None,
    ) -> bool:
        """Learn from another study's trial: its values, val accuracy by epoch, end, and results (as `ended` has them).

        It takes no number of this study. False: the space doesn't contain it, and it is left out.
        """
        try:
            stored = to_optuna(self._space, values)
        except ValueError:
            return False
        finite = {epoch: float(value) for epoch, value in reports.items() if math.isfinite(value)}
        kept = finite if self._objectives == 1 else {}
        state, told = optuna_end(stop_reason, results, kept, objectives=self._objectives)
        self._append(stored, state=state, values=told, intermediate_values=kept, user_attrs={WARM_START: True})
        return True

    def _start(
        self,
        number: int,
        stored: Mapping[str, Any],
        *,
        notes: Mapping[str, Any] | None = None,
        marks: Mapping[str, Any] | None = None,
    ) -> None:
        if number in self._ids:
            raise ValueError(f"A trial is started once, but trial {number} was before.")
        self._ids[number] = self._append(
            stored, state=TrialState.RUNNING, system_attrs=dict(notes or {}), user_attrs=dict(marks or {})
        )

    def _append(self, stored: Mapping[str, Any], **fields: Any) -> int:
        """A new trial in Optuna's record, with these fields of `create_trial`; its id there."""
        distributions = {key: self._distributions[key] for key in stored}
        trial = create_trial(params=dict(stored), distributions=distributions, **fields)
        trial_id = self._storage.create_new_trial(self._study_id, template_trial=trial)
        self._draws.see(self._storage.get_trial(trial_id))
        return trial_id
