"""What Optuna's samplers would propose, given trials in memory; nothing is kept of a draw.

Optuna's samplers hold generators, caches and notes in a study's storage. Here each draw has a fresh sampler with a seed
of its own, and a storage that shows it the trials and catches its notes: a draw is a function of the trials alone.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Container
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.space.conditions import active
from search.space.dimensions import Space
from search.space.optuna import from_optuna, to_distributions
from trainables.errors import UserError

TPE, RANDOM, CMAES, GP = "tpe", "random", "cmaes", "gp"
METHODS = (TPE, RANDOM, CMAES, GP)
WARM_START = "warm_start"  # the mark of a trial that comes from another study
GP_TRIALS = 200  # of the finished trials a Gaussian process is fitted to at most: its cost grows with their cube
CMAES_SOURCES = 10  # from so many trials of other studies on, CMA-ES can estimate where to begin: it takes a tenth


def draw_seed(seed: int, number: int) -> int:
    """The seed of one trial's draw: independent of every other trial's, and the same in every process."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def make_sampler(
    method: str, *, seed: int, startup_trials: int, parallel: bool, sources: list[FrozenTrial] | None = None
) -> optuna.samplers.BaseSampler:
    """Optuna's sampler by name. `parallel`: running trials count as bad, so that none is repeated.

    `sources`: trials from which CMA-ES estimates its first distribution.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if method == TPE:
            return optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=startup_trials, constant_liar=parallel, multivariate=False
            )
        if method == CMAES:
            return optuna.samplers.CmaEsSampler(
                seed=seed,
                n_startup_trials=max(startup_trials, 1),
                source_trials=sources or None,
                warn_independent_sampling=False,
            )
        if method == GP:
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=max(startup_trials, 1), warn_independent_sampling=False
            )
        return optuna.samplers.RandomSampler(seed=seed)


def new_study(storage: optuna.storages.BaseStorage, objectives: int) -> optuna.Study:
    """An empty study: val accuracy is to be high and, with two objectives, another value is to be small."""
    return optuna.create_study(
        storage=storage, directions=(["maximize", "minimize"] if objectives == 2 else ["maximize"])
    )


class ShownTrials(optuna.storages.InMemoryStorage):
    """A storage that shows a sampler the trials it is given, and catches what the sampler notes about a new one."""

    def __init__(self) -> None:
        super().__init__()
        self.trials: list[FrozenTrial] = []
        self.notes: dict[str, Any] = {}

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Those of these states, in order."""
        shown = [trial for trial in self.trials if states is None or trial.state in states]
        return copy.deepcopy(shown) if deepcopy else shown

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """A note on the trial that is being drawn: the only one that a sampler writes to."""
        self.notes[key] = value


class Draws:
    """The proposals that one method makes over one space."""

    def __init__(
        self, space: Space, *, method: str, seed: int, startup_trials: int, parallel: bool, objectives: int
    ) -> None:
        """`space`: in the order of the search, parents first. `objectives`: as in `new_study`."""
        self._space, self._distributions = dict(space), to_distributions(space)
        self._method, self._seed, self._startup, self._parallel = method, seed, startup_trials, parallel
        self._joint = _joint_keys(self._space, method)
        if method == CMAES and space:
            _check_cmaes(self._joint)
        self._storage = ShownTrials()
        self._name = new_study(self._storage, objectives).study_name
        self._trials: list[FrozenTrial] = []  # as the method sees them
        self._sources: list[FrozenTrial] = []

    def see(self, trial: FrozenTrial) -> None:
        """A trial of Optuna's record as it is now; a new one must come with the next number."""
        if trial.state == TrialState.PRUNED and trial.intermediate_values:
            # CMA-ES and GP would learn nothing from the state pruned, and for TPE such trials come after all complete
            # ones, the bad ones among these too. No search on LCBench was worse so (tests/benchmarks/RESULTS.md).
            trial = copy.copy(trial)
            trial.state, trial.value = TrialState.COMPLETE, max(trial.intermediate_values.values())
        if trial.number == len(self._trials):
            self._trials.append(trial)
        self._trials[trial.number] = trial
        if self._method == CMAES and WARM_START in trial.user_attrs and trial.state == TrialState.COMPLETE:
            self._sources.append(self._source(trial))

    def draw(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """The stored values of a proposal for trial `number`, and what CMA-ES has to know about it later."""
        study, trial = self._scratch(number)
        drawn: dict[str, Any] = {}
        for key in self._space:
            if key not in drawn and key in active(self._space, from_optuna(self._space, drawn)):
                drawn |= self._draw_with(key, study, trial)
        stored = {key: self._space[key].clamped(drawn[key]) for key in self._space if key in drawn}
        return stored, dict(self._storage.notes) if self._method == CMAES else {}

    def _scratch(self, number: int) -> tuple[optuna.Study, FrozenTrial]:
        """A study with a fresh sampler over the trials, and the next trial, which isn't among them."""
        sampler = make_sampler(
            self._method,
            seed=draw_seed(self._seed, number),
            startup_trials=self._startup,
            parallel=self._parallel,
            sources=self._sources if len(self._sources) >= CMAES_SOURCES else None,
        )
        self._storage.trials = _telling(self._trials) if self._method == GP else self._trials
        self._storage.notes = {}
        # A study keeps what it read: this one has read nothing yet.
        study = optuna.load_study(study_name=self._name, storage=self._storage, sampler=sampler)
        trial = create_trial(state=TrialState.RUNNING)
        trial.number = len(self._trials)
        return study, trial

    def _draw_with(self, key: str, study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
        """The stored values of an active key and of those that are drawn jointly with it."""
        dimension = self._space[key]
        if dimension.single:
            return {key: dimension.to_optuna(dimension.ends[0])}
        joint = {one: self._distributions[one] for one in self._joint} if key in self._joint else {}
        values = study.sampler.sample_relative(study, trial, joint) if joint else {}
        return values or {key: study.sampler.sample_independent(study, trial, key, self._distributions[key])}

    def _source(self, trial: FrozenTrial) -> FrozenTrial:
        """Another study's trial with the keys alone that CMA-ES draws."""
        params = {key: trial.params[key] for key in self._joint}
        distributions = {key: self._distributions[key] for key in self._joint}
        return create_trial(values=trial.values, params=params, distributions=distributions)


def _joint_keys(space: Space, method: str) -> list[str]:
    """The keys that a method draws jointly, in Optuna's order; the others are drawn each by itself.

    TPE draws every key by itself: on LCBench it finds better configurations so (tests/benchmarks/RESULTS.md).
    """
    if method in (TPE, RANDOM):
        return []
    # The other two must have each key in every trial, and CMA-ES knows no choices.
    keys = [key for key, dimension in space.items() if not dimension.when and not dimension.single]
    return sorted(key for key in keys if method != CMAES or space[key].numeric)


def _check_cmaes(keys: list[str]) -> None:
    """UserError where CMA-ES has too little to draw."""
    if len(keys) < 2:
        raise UserError(
            f"`method: cmaes` needs two or more ranges that every trial searches, but the space has {len(keys)} "
            f"({', '.join(keys) or 'none'}). Add ranges without `when`, or take tpe."
        )


def _telling(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """At most GP_TRIALS complete ones, half of them the best and half the latest, and those that run; in order."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(complete) > GP_TRIALS:
        latest, earlier = complete[-GP_TRIALS // 2 :], complete[: -GP_TRIALS // 2]
        best = sorted(earlier, key=lambda trial: (-(trial.value or 0.0), trial.number))[: GP_TRIALS // 2]
        complete = [*best, *latest]
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    return sorted([*complete, *running], key=lambda trial: trial.number)
