"""One peer in an environment of its own, asked and told over JSON lines: peer_worker.py NAME SEED SPACE EPOCHS.

SPACE is a JSON object of `[type, low, high, log]` by key. The peer is at its own defaults; nobody knows a good first
configuration, so what takes one (NePS's prior) has none. Each line of stdin is answered by one of stdout:

- `{"begin": NUMBER}` by `{"config": {...}, "trained": EPOCHS, "until": EPOCHS}`: a configuration that was trained
  before goes on from there, as from a checkpoint.
- `{"ended": NUMBER, "accuracy": SHARE, "seconds": SECONDS}` by `{}`.

Nothing of the repository is imported, as the environment has only the peers (peers.txt).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Ranges = Mapping[str, Sequence[Any]]


def config_space(ranges: Ranges, seed: int) -> Any:
    """ConfigSpace's form of the ranges."""
    from ConfigSpace import ConfigurationSpace, Float, Integer

    space = ConfigurationSpace(seed=seed)
    for key, (kind, low, high, log) in ranges.items():
        space.add((Float if kind == "float" else Integer)(key, (low, high), log=log))
    return space


class Dehb:
    """DEHB: what a higher rung trains is a new configuration."""

    def __init__(self, ranges: Ranges, seed: int, epochs: int, folder: str) -> None:
        from dehb import DEHB

        self._dehb = DEHB(
            f=lambda config, **rest: None,  # never called: it is asked and told
            cs=config_space(ranges, seed),
            min_fidelity=1,
            max_fidelity=epochs,
            n_workers=1,  # of its own processes
            seed=seed,
            output_path=folder,
            log_level="ERROR",
        )
        self._jobs: dict[int, Any] = {}

    def begin(self, number: int) -> tuple[dict[str, Any], int, int]:
        """Configuration, epochs it has, epochs it is to have."""
        job = self._jobs[number] = self._dehb.ask()
        return dict(job["config"]), 0, round(job["fidelity"])

    def ended(self, number: int, accuracy: float, seconds: float) -> None:
        """DEHB minimises."""
        self._dehb.tell(self._jobs.pop(number), {"fitness": -accuracy, "cost": seconds})


class Smac:
    """SMAC3's multi-fidelity facade: Hyperband over a random forest; a promoted configuration goes on."""

    def __init__(self, ranges: Ranges, seed: int, epochs: int, folder: str) -> None:
        from smac import MultiFidelityFacade, Scenario

        scenario = Scenario(
            config_space(ranges, seed),
            deterministic=True,
            min_budget=1,
            max_budget=epochs,
            n_trials=10**6,
            seed=seed,
            output_directory=Path(folder),
        )
        self._smac = MultiFidelityFacade(
            scenario, lambda config, seed, budget: 0.0, overwrite=True, logging_level=False
        )
        self._asked: dict[int, Any] = {}
        self._trained: dict[Any, int] = {}

    def begin(self, number: int) -> tuple[dict[str, Any], int, int]:
        """Configuration, epochs it has, epochs it is to have."""
        asked = self._asked[number] = self._smac.ask()
        return dict(asked.config), self._trained.get(asked.config, 0), round(asked.budget)

    def ended(self, number: int, accuracy: float, seconds: float) -> None:
        """SMAC minimises."""
        from smac.runhistory.dataclasses import TrialValue

        asked = self._asked.pop(number)
        self._trained[asked.config] = round(asked.budget)
        self._smac.tell(asked, TrialValue(cost=1 - accuracy, time=seconds), save=False)


class Neps:
    """NePS's PriorBand without a prior, and its asynchronous Hyperband; a promoted configuration goes on."""

    def __init__(self, algorithm: str, ranges: Ranges, seed: int, epochs: int) -> None:
        import neps
        import numpy as np
        import torch
        from neps.optimizers import algorithms
        from neps.optimizers.ask_and_tell import AskAndTell

        np.random.seed(seed)
        torch.manual_seed(seed)
        kinds = {"float": neps.HPOFloat, "int": neps.HPOInteger}
        space = {key: kinds[kind](low, high, log=log) for key, (kind, low, high, log) in ranges.items()}
        space["epochs"] = neps.HPOInteger(1, epochs, is_fidelity=True)
        self._neps = AskAndTell(getattr(algorithms, algorithm)(neps.SearchSpace(space)))
        self._trials: dict[int, Any] = {}

    def begin(self, number: int) -> tuple[dict[str, Any], int, int]:
        """Configuration, epochs it has, epochs it is to have."""
        trial = self._trials[number] = self._neps.ask()
        before = self._neps.trials.get(trial.metadata.previous_trial_id)
        config = dict(trial.config)
        return config, before.config["epochs"] if before else 0, config.pop("epochs")

    def ended(self, number: int, accuracy: float, seconds: float) -> None:
        """NePS minimises."""
        self._neps.tell(self._trials.pop(number), {"objective_to_minimize": 1 - accuracy, "cost": seconds})


PEERS: Mapping[str, Any] = {
    "dehb": Dehb,
    "smac": Smac,
    "priorband": lambda ranges, seed, epochs, folder: Neps("priorband", ranges, seed, epochs),
    "async_hb": lambda ranges, seed, epochs, folder: Neps("async_hb", ranges, seed, epochs),
}


def serve() -> None:
    """Until stdin ends. What libraries print goes to stderr."""
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, seed, ranges, epochs = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="binwise-peer-") as folder:
        os.chdir(folder)
        peer = PEERS[name](json.loads(ranges), int(seed), int(epochs), folder)
        logging.disable(logging.CRITICAL)
        for line in sys.stdin:
            asked, answer = json.loads(line), {}
            if "begin" in asked:
                config, trained, until = peer.begin(asked["begin"])
                plain = {key: getattr(value, "item", lambda value=value: value)() for key, value in config.items()}
                answer = {"config": plain, "trained": trained, "until": until}
            else:
                peer.ended(asked["ended"], asked["accuracy"], asked["seconds"])
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
