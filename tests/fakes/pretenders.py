"""Trainables that only pretend to train, without torch, and the driver of a study that runs them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ray import cloudpickle, tune
from ray.tune import TuneError

from search.decide.driver import StudyDriver
from search.decide.terms import Limits, ModalitySearch, Resources
from search.ledger.events import SessionBegan, StudyCreated
from search.ledger.ledger import Ledger, create_ledger
from search.ledger.state import Outcome
from search.machines.shares import Node, Share, fits
from search.methods.sampler import Sampler
from search.methods.stopping import make_scheduler
from search.session.stop_request import StopRequest
from search.session.tune_executor import run_attempts
from search.space.dimensions import FloatRange

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers can't import a test's module
EPOCHS = 3
SPACE = {"rate": FloatRange(low=0.0, high=1.0)}
ZEROS = (
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_macro_f1",
    "learning_rate",
    "epoch_seconds",
    "samples_per_second",
)
Fault = Callable[[Mapping[str, Any], int], None]


def no_fault(config: Mapping[str, Any], epoch: int) -> None:
    """All goes well."""


def pretender(in_step: Fault = no_fault, in_setup: Fault = no_fault, seconds: float = 0.005) -> Any:
    """Some epochs of some milliseconds, from the one after the recorded ones. The faults are called before each."""

    class Pretender(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.raw, self.done = config, config["recorded"]
            in_setup(config, self.done + 1)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.setup(new_config)
            return True

        def step(self) -> dict[str, Any]:
            in_step(self.raw, self.done + 1)
            time.sleep(seconds)
            value = 0.2 * (self.done + 1) + self.raw["hyperparameters"]["rate"] / 10
            report = {**dict.fromkeys(ZEROS, 0.0), "worker": f"here {os.getpid()}", "note": ""}
            if os.path.exists(self.raw["stop_file"]):
                nothing = dict.fromkeys(("val_accuracy", "best_val_accuracy"), float("nan"))
                return {**report, **nothing, "done": True, "stop_reason": "interrupted"}
            self.done += 1
            report |= {"epoch": self.done, "best_epoch": self.done, "val_accuracy": value, "best_val_accuracy": value}
            return report | ({"done": True, "stop_reason": "completed"} if self.done == EPOCHS else {})

    return Pretender


class Pretence:
    """One study of pretended trials on a machine of two CPUs."""

    def __init__(self, folder: Path, trials: Mapping[str, int], cpus: Mapping[str, int] | None = None) -> None:
        """`trials` and `cpus` of each trial, by modality."""
        created = StudyCreated(study={"name": "demo"}, uid="u", data={}, versions={})
        create_ledger(folder / "ledger.jsonl", created, 0.0)
        self.folder, self.ledger = folder, Ledger(folder / "ledger.jsonl")
        self.shares = {modality: Share(given, 0.0, 2) for modality, given in (cpus or dict.fromkeys(trials, 1)).items()}
        self.ledger.append(SessionBegan("here", 1))
        self.stop = StopRequest(folder / "stop", grace=2.0)
        searches = [self._search(modality, trials[modality]) for modality in self.shares]
        self.driver = StudyDriver(searches, self.ledger, Limits(), fits=self._fits)

    def _fits(self, running: Mapping[str, int], modality: str) -> bool:
        return fits(running, self.shares, [Node(2, 0)], modality)

    def _search(self, modality: str, trials: int) -> ModalitySearch:
        return ModalitySearch(
            modality=modality,
            trials=trials,
            points=[],
            own={"rate": 0.5},
            searched=list(SPACE),
            sampler=Sampler(SPACE, method="random", seed=1, startup_trials=1, parallel=True),
            scheduler=make_scheduler("none", grace=1, factor=2, max_epochs=EPOCHS, seed=1),
            resources=Resources(self.shares[modality].cpus, 0),
            objective=lambda best: [best.val_accuracy],
        )

    def run_to_the_end(self, trainable: Any) -> int:
        """Run attempts as a session does: begin again from the record where Tune breaks off. How often it did."""
        broke = 0
        while not self.driver.finished:
            try:
                self.attempts(trainable)
            except TuneError:
                broke += 1
            self.driver.attempts_vanished()
        return broke

    def run(self, trainable: Any) -> Outcome:
        """Run attempts to the end, and put the end on record."""
        self.attempts(trainable)
        self.driver.attempts_vanished()
        return self.driver.close()

    def attempts(self, trainable: Any) -> None:
        """Run attempts until there are no more."""
        constants = {
            modality: {"modality": modality, "stop_file": str(self.folder / "stop"), "marks": str(self.folder)}
            for modality in self.shares
        }
        run_attempts(self.driver, constants, self.stop, trainable)
