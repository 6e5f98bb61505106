"""Runs of the comparison `search_quality`: each is kept, so that an interrupted comparison goes on."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import lcbench
import numpy as np
from numpy.typing import NDArray
from simulated import Found, Maker, simulate

from search.methods.sampler import Sampler
from trainables.data.files import replace_file

WORKERS, TRAININGS, RANDOM_CURVES = 4, 100, 4000
SHARES = (0.1, 0.25, 0.5, 1.0)  # of the budget
KEPT = lcbench.REPOSITORY / "mlruns" / "bench" / "search_quality"


@dataclass(frozen=True)
class Entrant:
    """Who searches, and with how many seeds."""

    make: Maker
    depends_on: str  # versions or sources; what was found with others isn't taken
    seeds: int
    own: bool = False
    outside: bool = False  # needs the peers' own environment


@dataclass(frozen=True)
class Scale:
    """What a task's figures are measured by."""

    best: float  # val accuracy of the best of the random trainings, in percent
    median: float  # ... of the median one
    seconds: float  # of the median one, to its end


@dataclass(frozen=True)
class Run:
    """What one search found."""

    accuracies: Sequence[float]  # the best up to each share of the budget, in percent
    trials: int  # that were begun
    cpu_seconds: float  # of the search and the surrogate, without peers that have a process of their own


@dataclass(frozen=True)
class Amount:
    """How much is searched."""

    seeds: int = 10
    trainings: int = TRAININGS
    random_curves: int = RANDOM_CURVES


def split(tasks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tasks for choosing and sealed ones: sorted by number, every second one, from the first, is for choosing."""
    ordered = sorted(tasks, key=int)
    return ordered[::2], ordered[1::2]


def digest_of(paths: Sequence[Path]) -> str:
    """Of the files' bytes, 12 digits."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(paths))).hexdigest()[:12]


def scale_of(surrogate: lcbench.Surrogate, task: str, count: int, kept: Path = KEPT) -> Scale:
    """Of so many random full trainings; kept, as they never change."""
    path = kept / "scales" / f"{task} {count}.json"
    if not path.is_file():
        sampler = Sampler(lcbench.SPACE, method="random", seed=0, startup_trials=0, parallel=False)
        curves = [surrogate.curve(task, sampler.propose(number)) for number in range(count)]
        best = np.array([curve.accuracies.max() for curve in curves])
        seconds = float(np.median([curve.seconds[-1] for curve in curves]))
        replace_file(path, json.dumps(asdict(Scale(float(best.max()), float(np.median(best)), seconds))).encode())
    return Scale(**json.loads(path.read_text("utf-8")))


def in_turn(contestants: Mapping[str, Entrant], amount: Amount) -> Iterator[tuple[str, int]]:
    """Who searches next with which seed: every contestant's first seed comes before anybody's second."""
    for seed in range(amount.seeds):
        yield from ((name, seed) for name, one in contestants.items() if seed < one.seeds)


def search(
    contestant: Entrant, surrogate: lcbench.Surrogate, task: str, scale: Scale, seed: int, amount: Amount, path: Path
) -> Run:
    """One run, which is kept at `path`."""
    began = time.process_time()
    budget = amount.trainings * scale.seconds
    found: Found = simulate(
        contestant.make(seed), lambda config: surrogate.curve(task, config), workers=WORKERS, budget=budget
    )
    run = Run([found.at(share * budget) for share in SHARES], found.trials, time.process_time() - began)
    replace_file(path, json.dumps(asdict(run)).encode())
    return run


def path_of(name: str, contestant: Entrant, task: str, seed: int, amount: Amount, kept: Path = KEPT) -> Path:
    """Where a run is kept."""
    return kept / f"{name} ({contestant.depends_on})".replace("/", "-") / f"{task} {seed} {amount.trainings}.json"


def read(path: Path) -> Run | None:
    """A run that was kept, if it was."""
    return Run(**json.loads(path.read_text("utf-8"))) if path.is_file() else None


def regret(run: Run, scale: Scale) -> NDArray[np.float64]:
    """Per share of the budget, in percent: the best random training is 0, the median one 100. Less than 0 is better."""
    return 100 * (scale.best - np.asarray(run.accuracies)) / (scale.best - scale.median)
