"""Who searches: Binwise as it ships, and the peers, each at its own defaults."""

from __future__ import annotations

import json
import os
import subprocess
import weakref
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import PIPE
from types import SimpleNamespace
from typing import Any

import optuna
from lcbench import EPOCHS, REPOSITORY, SPACE
from made_data import IMAGE
from quality_runs import Entrant, digest_of
from simulated import TRAINED, Maker

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, ModalitySearch, NextAttempt, Resources
from search.ledger.body import Body
from search.ledger.events import Event, SessionBegan, StudyCreated
from search.ledger.ledger import Ledger
from search.ledger.state import StudyState
from search.methods.sampler import Sampler
from search.methods.stopping import make_scheduler
from search.space.optuna import to_distributions
from search.study.sections import SearchSection
from trainables.names import trial_name
from trainables.records import EpochResult, StopReason

METRIC, EPOCH = "val_accuracy", "epoch"
WORKER = Path(__file__).with_name("peer_worker.py")


class LedgerInMemory(Ledger):
    """A ledger that nothing is to survive: one that waits for the disk at each epoch takes most of a simulation."""

    def __init__(self) -> None:
        self.listeners, self.failure, self.notes = [], None, ()
        created = StudyCreated(study={"name": "bench"}, uid="bench", data={}, versions={})
        self.events = [Event(0, 0.0, created)]
        self.state = StudyState()
        for event in self.events:
            event.apply(self.state)

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
        given = section.scheduler
        search = ModalitySearch(
            modality=IMAGE,
            trials=10**9,
            points=[],
            own={},
            searched=list(SPACE),
            sampler=sampler,
            scheduler=make_scheduler(given.name, grace=given.grace, factor=given.factor, max_epochs=EPOCHS, seed=seed),
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
        epochs = {} if name == "CQR" else {"time_attr": EPOCH, "max_t": EPOCHS}  # it stops none
        make = getattr(baselines, name)
        self._scheduler: Any = make(space, metric=METRIC, do_minimize=False, random_seed=seed, **epochs)
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


class InProcess:
    """A peer in an environment and a process of its own (peer_worker.py), which ends with this object."""

    def __init__(self, name: str, seed: int) -> None:
        ranges = {key: [one.type, one.low, one.high, one.log] for key, one in SPACE.items()}  # type: ignore[union-attr]
        command = [str(python_of_peers()), str(WORKER), name, str(seed), json.dumps(ranges), str(EPOCHS)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | threads
        self._process = subprocess.Popen(
            command, stdin=PIPE, stdout=PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        weakref.finalize(self, _end, self._process)
        self._until: dict[int, int] = {}
        self._best: dict[int, float] = {}

    def begin(self, number: int) -> Mapping[str, Any]:
        """What it asks for, up to its rung."""
        answer = self._ask({"begin": number})
        self._until[number] = answer["until"]
        return {**answer["config"], TRAINED: answer["trained"]}

    def result(self, number: int, epoch: int, accuracy: float, last: bool) -> bool:
        """It is told the accuracy at the rung, where the trial ends."""
        if over := last or epoch >= self._until[number]:
            self._ask({"ended": number, "accuracy": accuracy, "seconds": float(epoch)})
        return over

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """The worker's answer.

        Raises:
            RuntimeError: it ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"A peer's process ended with {self._process.wait()}: {self._process.args}")
        return dict(json.loads(answer))


def _end(process: subprocess.Popen[str]) -> None:
    """A worker ends where its stdin does."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()
    process.wait()


def python_of_peers() -> Path:
    """The interpreter that has what peers.txt lists."""
    return Path(os.environ.get("BINWISE_PEERS") or REPOSITORY / "mlruns" / "bench" / "peers" / "bin" / "python")


def ours(**changes: Any) -> Maker:
    """The product with these keys of `search:` changed."""
    return lambda seed: Ours(SearchSection(**changes), seed)


def asha(grace: int, factor: int) -> Maker:
    """The product with ASHA of these rungs."""
    return ours(scheduler={"name": "asha", "grace": grace, "factor": factor})


def _optuna_tpe(seed: int) -> Optunas:
    return Optunas(optuna.samplers.TPESampler(seed=seed), optuna.pruners.NopPruner())


def _optuna_hyperband(seed: int) -> Optunas:
    pruner = optuna.pruners.HyperbandPruner(max_resource=EPOCHS)
    return Optunas(optuna.samplers.TPESampler(seed=seed), pruner)


def _own(make: Maker, words: str) -> Entrant:
    """A variant of the product, whose runs depend on the files that decide and on what it is set to."""
    files = [*(REPOSITORY / "search" / "methods").glob("*.py"), *(REPOSITORY / "search" / "space").glob("*.py")]
    return Entrant(make, f"{words} {digest_of(files)}", seeds=10, own=True)


def _peer(make: Maker, package: str, seeds: int) -> Entrant:
    return Entrant(make, f"{package} {_version(package)}", seeds)


def _version(package: str) -> str:
    """Of a peer, which only those have who compare with it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _other(name: str, requirement: str, seeds: int) -> Entrant:
    return Entrant(lambda seed: InProcess(name, seed), requirement, seeds, outside=True)


def use_vectors() -> None:
    """Optuna's `log_ndtr`, a loop in Python, becomes scipy's: the same up to rounding, in half of a run's time."""
    from optuna.samplers._tpe import _truncnorm
    from scipy.special import log_ndtr

    vars(_truncnorm)["_log_ndtr"] = log_ndtr


DEFAULT = "Binwise, as shipped"
CONTESTANTS: dict[str, Entrant] = {
    DEFAULT: _own(ours(), "asha 3/3"),
    "Optuna TPE": _peer(_optuna_tpe, "optuna", 10),
    "random, no early stopping": replace(_own(ours(method="random", scheduler={"name": "none"}), "random"), own=False),
    "Ray ASHA, random": _peer(RaysAsha, "ray", 10),
    "Syne Tune ASHA": _peer(lambda seed: SyneTunes("ASHA", seed), "syne-tune", 10),
    "Binwise, asha 10/2": _own(asha(10, 2), "asha 10/2"),
    "DEHB": _other("dehb", "0.1.1", 4),
    "NePS PriorBand, no prior": _other("priorband", "0.17.0", 4),
    "NePS asynchronous Hyperband": _other("async_hb", "0.17.0", 4),
    "Optuna TPE + Hyperband": _peer(_optuna_hyperband, "optuna", 4),
    "Syne Tune CQR": _peer(lambda seed: SyneTunes("CQR", seed), "syne-tune", 2),
    "Syne Tune ASHACQR": _peer(lambda seed: SyneTunes("ASHACQR", seed), "syne-tune", 1),
    "SMAC3 multi-fidelity": _other("smac", "2.4.1", 1),
    "Syne Tune BOHB": _peer(lambda seed: SyneTunes("BOHB", seed), "syne-tune", 1),
    "Binwise, tpe, no early stopping": _own(ours(scheduler={"name": "none"}), "none"),
    "Binwise, hyperband 3/3": _own(ours(scheduler={"name": "hyperband", "grace": 3, "factor": 3}), "hyperband 3/3"),
}
