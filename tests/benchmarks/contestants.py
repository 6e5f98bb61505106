"""Who searches: Binwise as it ships, and the peers, each at its own defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import optuna
from lcbench import EPOCHS, SPACE
from made_data import IMAGE
from simulated import Contestant, Maker

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, ModalitySearch, NextAttempt, Resources
from search.ledger.events import Body, Event, SessionBegan, StudyCreated, fold
from search.ledger.ledger import Ledger
from search.methods.sampler import Sampler
from search.methods.stopping import make_scheduler
from search.space.optuna import to_distributions
from search.study.sections import SearchSection
from trainables.names import trial_name
from trainables.records import EpochResult, StopReason

METRIC, EPOCH = "val_accuracy", "epoch"


class LedgerInMemory(Ledger):
    """A ledger that nothing is to survive: one that waits for the disk at each epoch takes most of a simulation."""

    def __init__(self) -> None:
        self.listeners, self.failure, self.notes = [], None, ()
        created = StudyCreated(study={"name": "bench"}, uid="bench", data={}, versions={})
        self.events = [Event(0, 0.0, created)]
        self.state = fold(self.events)

    def append(self, body: Body, trial_id: str | None = None) -> Event:
        """Apply an event."""
        event = Event(self.state.next_seq, self.state.last_at, body, trial_id)
        event.apply(self.state)
        return event


class Ours:
    """The product's own driver, sampler and stopping rule."""

    def __init__(self, section: SearchSection, seed: int) -> None:
        """`section`: method, startup_trials and scheduler of it are used. No fixed points: nobody knows a good one."""
        ledger = LedgerInMemory()
        ledger.append(SessionBegan("here", 1))
        sampler = Sampler(SPACE, method=section.method, seed=seed, startup_trials=section.startup_trials, parallel=True)
        rule = section.scheduler
        scheduler = make_scheduler(rule.name, grace=rule.grace, factor=rule.factor, max_epochs=EPOCHS, seed=seed)
        search = ModalitySearch(
            modality=IMAGE,
            trials=10**9,
            points=[],
            own={},
            searched=list(SPACE),
            sampler=sampler,
            scheduler=scheduler,
            resources=Resources(1, 0),
            objective=lambda best: [best.val_accuracy],
        )
        self._driver = StudyDriver([search], ledger, Limits(), fits=lambda running, modality: True)
        self._best: dict[int, tuple[float, int]] = {}

    def begin(self, number: int) -> Mapping[str, Any]:
        """What the driver begins next."""
        found = self._driver.next_attempt()
        assert isinstance(found, NextAttempt)
        assert found.number == number
        return found.config

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """Whether the trial is over."""
        best = self._best[number] = max(self._best.get(number, (0.0, 0)), (accuracy, -epoch))
        ends = StopReason.COMPLETED if last else None
        return self._driver.epoch_ended(
            trial_name(IMAGE, number), _epoch(epoch, accuracy, best[0], -best[1]), ends=ends
        )


def _epoch(epoch: int, accuracy: float, best: float, best_epoch: int) -> EpochResult:
    """A result of which only the val accuracies matter."""
    return EpochResult(
        epoch=epoch,
        train_loss=0.0,
        train_accuracy=0.0,
        val_loss=0.0,
        val_accuracy=accuracy,
        val_macro_f1=accuracy,
        learning_rate=0.0,
        epoch_seconds=0.0,
        samples_per_second=0.0,
        best_val_accuracy=best,
        best_epoch=best_epoch,
    )


class Optunas:
    """Optuna alone, as its own documentation drives it."""

    def __init__(self, sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
        self._distributions = to_distributions(SPACE)
        self._trials: dict[int, optuna.Trial] = {}
        self._best: dict[int, float] = {}

    def begin(self, number: int) -> Mapping[str, Any]:
        """What the sampler proposes."""
        self._trials[number] = self._study.ask(self._distributions)
        self._best[number] = 0.0
        return self._trials[number].params

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """What the pruner says."""
        trial = self._trials[number]
        self._best[number] = max(self._best[number], accuracy)
        trial.report(accuracy, epoch)
        if last:
            self._study.tell(trial, self._best[number])
            return True
        if stop := trial.should_prune():
            self._study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return stop


class RaysAsha:
    """Ray Tune's ASHA over random configurations."""

    def __init__(self, seed: int) -> None:
        from ray.tune.schedulers import ASHAScheduler, TrialScheduler

        self._stop = TrialScheduler.STOP
        self._asha: Any = ASHAScheduler(time_attr=EPOCH, metric=METRIC, mode="max", max_t=EPOCHS)
        self._sampler = Sampler(SPACE, method="random", seed=seed, startup_trials=0, parallel=True)
        self._trials: dict[int, Any] = {}

    def begin(self, number: int) -> Mapping[str, Any]:
        """A random configuration."""
        self._trials[number] = SimpleNamespace(trial_id=str(number))
        self._asha.on_trial_add(None, self._trials[number])
        return self._sampler.propose(number)

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """What the scheduler says; it hears of each end."""
        result = {EPOCH: epoch, METRIC: accuracy}
        stop: bool = self._asha.on_trial_result(None, self._trials[number], result) == self._stop
        if stop or last:
            self._asha.on_trial_complete(None, self._trials[number], result)
        return stop


class SyneTunes:
    """One of Syne Tune's schedulers."""

    def __init__(self, name: str, seed: int) -> None:
        import numpy as np
        from syne_tune import config_space
        from syne_tune.optimizer import baselines

        np.random.seed(seed)  # its ASHA draws a bracket from the global generator
        of = {
            "float": (config_space.uniform, config_space.loguniform),
            "int": (config_space.randint, config_space.lograndint),
        }
        space = {key: of[one.type][one.log](one.low, one.high) for key, one in SPACE.items()}  # type: ignore[union-attr]
        make = getattr(baselines, name)
        self._scheduler: Any = make(
            space, metric=METRIC, time_attr=EPOCH, max_t=EPOCHS, do_minimize=False, random_seed=seed
        )
        self._trials: dict[int, Any] = {}

    def begin(self, number: int) -> Mapping[str, Any]:
        """What its searcher suggests."""
        from syne_tune.backend.trial_status import Trial

        config: dict[str, Any] = self._scheduler.suggest().config
        self._trials[number] = Trial(number, config, datetime(2000, 1, 1))
        self._scheduler.on_trial_add(self._trials[number])
        return config

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """What the scheduler decides."""
        result = {EPOCH: epoch, METRIC: accuracy}
        stop: bool = self._scheduler.on_trial_result(self._trials[number], result) == "STOP"
        if stop or last:
            self._scheduler.on_trial_complete(self._trials[number], result)
        return stop


def ours(**changes: Any) -> Maker:
    """The product with these keys of `search:` changed."""
    return lambda seed: Ours(SearchSection(**changes), seed)


def _optuna_tpe(seed: int) -> Contestant:
    return Optunas(optuna.samplers.TPESampler(seed=seed), optuna.pruners.NopPruner())


def _optuna_hyperband(seed: int) -> Contestant:
    pruner = optuna.pruners.HyperbandPruner(max_resource=EPOCHS)
    return Optunas(optuna.samplers.TPESampler(seed=seed), pruner)


DEFAULT = "Binwise, as shipped"
OWN: dict[str, Maker] = {
    DEFAULT: ours(),
    "Binwise, tpe, no early stopping": ours(method="tpe", scheduler={"name": "none"}),
}
PEERS: dict[str, Maker] = {
    "random, no early stopping": ours(method="random", scheduler={"name": "none"}),
    "Optuna TPE": _optuna_tpe,
    "Optuna TPE + Hyperband": _optuna_hyperband,
    "Ray ASHA, random": RaysAsha,
    "Syne Tune ASHA": lambda seed: SyneTunes("ASHA", seed),
    "Syne Tune BOHB": lambda seed: SyneTunes("BOHB", seed),
}
