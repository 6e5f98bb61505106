"""How good a configuration a search finds in a given time, beside other searches, on LCBench's surrogate.

Simulated time: four workers, which together work as long as 100 median full trainings of the task take. Regret is in
points of val accuracy, against the best of 4,000 random full trainings; a search that finds a better one has less than
none. Run by name only (`make bench BENCH=search_quality`): it takes an hour, half of it for Syne Tune's BOHB, a file
that isn't part of the repository (`lcbench.py`) and the extra `bench`. What the peers found is kept in
`mlruns/bench/search_quality` for their versions; delete it to have them search anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import lcbench
import numpy as np
from harness import main
from measure import Bound, Findings, at_most
from numpy.typing import NDArray
from simulated import Config, Curve, Found, Maker, mean_and_error, simulate

from search.methods.sampler import Sampler
from trainables.data.files import replace_file

# On some curves cross much, on some little. The search's defaults were chosen on other tasks (RESULTS.md).
TASKS = ("3945", "167168", "189906", "126026", "7593", "167201")
SEEDS, WORKERS, TRAININGS, RANDOM_CURVES = 10, 4, 100, 4000
SHARES = (0.25, 1.0)  # of the budget
KEPT = lcbench.REPOSITORY / "mlruns" / "bench" / "search_quality"
PACKAGES = ("syne-tune", "optuna", "ray", "onnxruntime")


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    tasks: Sequence[str] = TASKS
    seeds: int = SEEDS
    trainings: int = TRAININGS
    random_curves: int = RANDOM_CURVES


QUICK = Size(tasks=TASKS[:2], seeds=2, trainings=10, random_curves=200)


@dataclass(frozen=True)
class Scale:
    """What a task's figures are measured by."""

    best: float  # val accuracy of the best of the random trainings, in percent
    seconds: float  # of the median one, to its end


@dataclass(frozen=True)
class Quality:
    """What one contestant found."""

    regrets: NDArray[np.float64]  # (tasks, seeds, shares)
    trials: NDArray[np.float64]  # (tasks, seeds), that were begun


def benchmark(folder: Path, quick: bool) -> Findings:
    """Every contestant on every task with every seed."""
    if why := lcbench.missing() or missing_peers():
        return Findings({}, [], [why])
    from contestants import DEFAULT, OWN, PEERS

    size, surrogate = QUICK if quick else Size(), lcbench.Surrogate()
    scales = {task: scale_of(surrogate, task, size.random_curves) for task in size.tasks}
    found: dict[str, Quality] = {}
    for name, make in {**OWN, **PEERS}.items():
        keep = KEPT / words_of_versions() / name if name in PEERS else None
        found[name] = quality(make, surrogate.curve, scales, size, keep)
        print(f"  {name}: {row(found[name])}", file=sys.stderr, flush=True)
    return Findings(figures(found, size), bounds(found, DEFAULT, list(PEERS)), notes(size))


def missing_peers() -> str | None:
    """What to do where the peers aren't installed; None where they are."""
    if find_spec("syne_tune") is not None:
        return None
    return f"Not run: syne-tune isn't installed. {lcbench.INSTALL}"


def words_of_versions() -> str:
    """What the peers' results depend on, as a folder's name."""
    return " ".join(f"{package} {version(package)}" for package in PACKAGES)


def scale_of(surrogate: lcbench.Surrogate, task: str, count: int) -> Scale:
    """Of so many random full trainings; kept, as they never change."""
    path = KEPT / f"{task} {count} random.json"
    if not path.is_file():
        sampler = Sampler(lcbench.SPACE, method="random", seed=0, startup_trials=0, parallel=False)
        curves = [surrogate.curve(task, sampler.propose(number)) for number in range(count)]
        best = max(float(curve.accuracies.max()) for curve in curves)
        scale = Scale(best, float(np.median([curve.seconds[-1] for curve in curves])))
        replace_file(path, json.dumps(asdict(scale)).encode())
    return Scale(**json.loads(path.read_text("utf-8")))


def quality(
    make: Maker, curve_of: Callable[[str, Config], Curve], scales: Mapping[str, Scale], size: Size, keep: Path | None
) -> Quality:
    """One contestant's regrets. `keep`: where what it found lies, if it searched before."""

    def search(task: str, seed: int) -> Found:
        budget = size.trainings * scales[task].seconds
        return simulate(make(seed), lambda config: curve_of(task, config), workers=WORKERS, budget=budget)

    regrets = np.empty((len(scales), size.seeds, len(SHARES)))
    trials = np.empty(regrets.shape[:2])
    for row, (task, scale) in enumerate(scales.items()):
        for seed in range(size.seeds):
            path = keep / f"{task} {seed} {size.trainings}.json" if keep else None
            found = _kept(path) or _keep(path, search(task, seed))
            times = [share * size.trainings * scale.seconds for share in SHARES]
            regrets[row, seed] = [scale.best - found.at(seconds) for seconds in times]
            trials[row, seed] = found.trials
    return Quality(regrets, trials)


def _kept(path: Path | None) -> Found | None:
    """What was found before, if it was."""
    return Found(**json.loads(path.read_text("utf-8"))) if path is not None and path.is_file() else None


def _keep(path: Path | None, found: Found) -> Found:
    """What was found, which is kept."""
    if path is not None:
        replace_file(path, json.dumps(asdict(found)).encode())
    return found


def row(found: Quality) -> dict[str, Any]:
    """Means over tasks and seeds with their standard errors, by share of the budget."""
    means = {}
    for place, share in enumerate(SHARES):
        mean, error = mean_and_error(found.regrets[:, :, place])
        means[f"at {share:.0%}"] = f"{mean:.2f} ± {error:.2f}"
    return means | {"trials begun, median": float(np.median(found.trials))}


def figures(found: Mapping[str, Quality], size: Size) -> dict[str, Any]:
    """Every contestant's regret: of all tasks together, and task by task at each share of the budget."""
    by_task = {
        f"regret at {share:.0%}, {task}": {
            name: "{:.2f} ± {:.2f}".format(*mean_and_error(one.regrets[[place], :, column]))
            for name, one in found.items()
        }
        for column, share in enumerate(SHARES)
        for place, task in enumerate(size.tasks)
    }
    return {"mean regret": {name: row(one) for name, one in found.items()}, **by_task}


def bounds(found: Mapping[str, Quality], default: str, peers: Sequence[str]) -> list[Bound]:
    """The default is at or below the best peer at each share of the budget."""
    means = {name: one.regrets.mean(axis=(0, 1)) for name, one in found.items()}
    return [
        at_most(
            f"search, {share:.0%} of the budget: mean regret of {default} - that of the best peer, points",
            0,
            float(means[default][place] - min(means[name][place] for name in peers)),
            "points",
        )
        for place, share in enumerate(SHARES)
    ]


def notes(size: Size) -> list[str]:
    """What the figures are of."""
    return [
        f"{date.today().isoformat()}; tasks {', '.join(size.tasks)}; {size.seeds} seeds each; {words_of_versions()}.",
        f"{WORKERS} simulated workers, which together work {size.trainings} median full trainings of the task; regret "
        f"in points of val accuracy at any epoch against the best of {size.random_curves} random full trainings.",
        "± is the standard error from the spread between seeds; the tasks count as given.",
        "Each peer is at its own defaults; nobody is given a first configuration.",
    ]


if __name__ == "__main__":
    main("search_quality", benchmark, section="Searches in simulated time")
