"""How good a configuration a search finds in a given time, beside other searches, on LCBench's surrogate.

Simulated time: four workers, which together work as long as 100 median full trainings of the task take. Regret is
relative: the best of 4,000 random full trainings is 0, the median one 100; a search that finds a better one has less
than 0. Tasks are sorted by number: on every second one, from the first, the search's defaults were chosen; the others
are sealed. Who changes a default looks at the former alone and searches the latter once, at the end.

Run by name only (`make bench BENCH=search_quality`): it takes hours, and needs a file that isn't part of the repository
(`lcbench.py`), the extra `bench`, and for some peers an environment of their own (`peers.txt`). Every run is kept in
`mlruns/bench/search_quality`, so that an interrupted comparison goes on. BINWISE_SEARCH_SECONDS: no run begins later;
the figures are of what was kept until then.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import lcbench
import numpy as np
import quality_runs as runs
from harness import main
from measure import Bound, Findings, at_most
from numpy.typing import NDArray
from scipy import stats
from simulated import mean_and_error

VARIABLE = "BINWISE_SEARCH_SECONDS"
CHOSEN_ON, SEALED = "chosen on", "sealed"
EARLY, LATE = 1, 3  # places in SHARES that are bounded


@dataclass(frozen=True)
class Quality:
    """What one contestant found."""

    regrets: NDArray[np.float64]  # (tasks, seeds, shares), in percent
    trials: NDArray[np.float64]  # (tasks, seeds), that were begun
    cpu_seconds: float  # of a run, median


Table = Mapping[str, Quality]


def benchmark(folder: Path, quick: bool) -> Findings:
    """Every contestant on every task with its seeds: the sealed tasks first, as their bounds are promised."""
    if why := lcbench.missing() or missing_peers():
        return Findings({}, [], [why])
    from contestants import CONTESTANTS, DEFAULT, python_of_peers, use_vectors

    use_vectors()
    surrogate = lcbench.Surrogate()
    choosing, sealed = runs.split(surrogate.tasks())
    amount = runs.Amount(seeds=1, trainings=10, random_curves=200) if quick else runs.Amount()
    sets = {CHOSEN_ON: choosing[:2]} if quick else {SEALED: sealed, CHOSEN_ON: choosing}
    lent = {name: one for name, one in CONTESTANTS.items() if not one.outside or python_of_peers().is_file()}
    kept, until = folder if quick else runs.KEPT, time.monotonic() + float(os.environ.get(VARIABLE, "inf"))
    tables = {name: table(surrogate, tasks, lent, amount, kept, until) for name, tasks in sets.items()}
    left_out = {name: [one for one in CONTESTANTS if one not in found] for name, found in tables.items()}
    judged = tables.get(SEALED, {})
    own = [name for name, one in CONTESTANTS.items() if one.own]
    return Findings(
        {name: figures(found, DEFAULT) for name, found in tables.items() if DEFAULT in found},
        bounds(judged, DEFAULT, own) if len(judged) > 1 and DEFAULT in judged else [],
        notes(sets, amount, left_out),
    )


def missing_peers() -> str | None:
    """What to do where the peers aren't installed; None where they are."""
    if find_spec("syne_tune") is not None:
        return None
    return f"Not run: syne-tune isn't installed. {lcbench.INSTALL}"


def table(
    surrogate: lcbench.Surrogate,
    tasks: Sequence[str],
    contestants: Mapping[str, runs.Entrant],
    amount: runs.Amount,
    kept: Path,
    until: float,
) -> dict[str, Quality]:
    """By contestant. `until`: on the monotonic clock, when no further run begins.

    A seed counts where it has every task; who hasn't got one is left out.
    """
    scales = {task: runs.scale_of(surrogate, task, amount.random_curves, kept) for task in tasks}
    found: dict[str, list[list[runs.Run]]] = {}
    for name, seed in runs.in_turn(contestants, amount):
        done = []
        for task in tasks:
            path = runs.path_of(name, contestants[name], task, seed, amount, kept)
            run = runs.read(path)
            if run is None and time.monotonic() < until:
                run = runs.search(contestants[name], surrogate, task, scales[task], seed, amount, path)
            done.append(run)
        whole = [run for run in done if run is not None]
        if len(whole) == len(tasks):
            found.setdefault(name, []).append(whole)
            print(f"  {name}, seed {seed}: {row(quality(found[name], scales))}", file=sys.stderr, flush=True)
    return {name: quality(found[name], scales) for name in contestants if name in found}


def quality(found: Sequence[Sequence[runs.Run]], scales: Mapping[str, runs.Scale]) -> Quality:
    """Of runs by seed, then task."""
    regrets = [[runs.regret(run, scale) for run, scale in zip(row, scales.values(), strict=True)] for row in found]
    trials = np.array([[run.trials for run in row] for row in found], dtype=float).T
    seconds = float(np.median([run.cpu_seconds for row in found for run in row]))
    return Quality(np.array(regrets).transpose(1, 0, 2), trials, seconds)


def row(found: Quality) -> str:
    """Means over tasks and seeds with the seeds' standard errors, by share of the budget, in words."""
    means = [mean_and_error(found.regrets[:, :, place]) for place in range(len(runs.SHARES))]
    words = (f"{mean:.1f}" + ("" if np.isnan(error) else f" ± {error:.1f}") for mean, error in means)
    return f"{', '.join(words)}; seeds {found.regrets.shape[1]}, trials {np.median(found.trials):.0f}"


def figures(found: Table, default: str) -> dict[str, str]:
    """Every contestant's regrets, how the default compares with it over the tasks, and what a run took."""

    def words(name: str, one: Quality) -> str:
        ps = ", ".join(f"{p_of(found[default], one, place):.2g}" for place in (EARLY, LATE) if name != default)
        return f"{row(one)}, CPU {one.cpu_seconds:.1f} s{'; p ' if ps else ''}{ps}"

    return {name: words(name, one) for name, one in found.items()}


def differences(own: Quality, other: Quality, place: int) -> NDArray[np.float64]:
    """By task: mean regret of `own` over its seeds less that of `other` over its."""
    return np.asarray(own.regrets[:, :, place].mean(axis=1) - other.regrets[:, :, place].mean(axis=1))


def p_of(own: Quality, other: Quality, place: int) -> float:
    """That the tasks' differences are even around 0: Wilcoxon's signed ranks, both sides, exact."""
    return float(stats.wilcoxon(differences(own, other, place)).pvalue)


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The mean's 95% interval by Student's t: tasks are drawn from many."""
    half = float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    return float(values.mean()) - half, float(values.mean()) + half


def bounds(found: Table, default: str, own: Sequence[str]) -> list[Bound]:
    """At 25% below every peer, p < .01; at 100% not above the 95% interval of the best of variants and peers."""
    peers = [name for name in found if name not in own]
    rest = [name for name in found if name != default]
    nearest = max(peers, key=lambda name: float(differences(found[default], found[name], EARLY).mean()))
    p = max(p_of(found[default], found[name], EARLY) for name in peers)
    best = min(rest, key=lambda name: float(found[name].regrets[:, :, LATE].mean()))
    ahead = float(differences(found[default], found[nearest], EARLY).mean())
    low, high = interval(differences(found[default], found[best], LATE))
    unit = "% of the median's regret"
    return [
        at_most(f"sealed tasks, 25%: regret of {default} - that of the nearest peer, {nearest}", 0, ahead, unit),
        at_most(f"sealed tasks, 25%: largest p of {default} against {len(peers)} peers", 0.01, p, "p"),
        at_most(
            f"sealed tasks, 100%: lower end of the 95% interval (to {high:.1f}) of the regret of {default} - that of "
            f"the best other, {best}",
            0,
            low,
            unit,
        ),
    ]


def notes(sets: Mapping[str, Sequence[str]], amount: runs.Amount, left_out: Mapping[str, Sequence[str]]) -> list[str]:
    """What the figures are of."""
    return [
        f"{date.today().isoformat()}; "
        + "; ".join(f"{name}: tasks {', '.join(tasks)}" for name, tasks in sets.items())
        + ".",
        f"{runs.WORKERS} simulated workers, which together work {amount.trainings} median full trainings of the task; "
        f"regret in val accuracy at any epoch: the best of {amount.random_curves} random full trainings is 0, their "
        "median 100.",
        f"In each line: regret at {', '.join(f'{share:.0%}' for share in runs.SHARES)} of the budget; how many seeds; "
        "trials begun and CPU seconds of a run, medians, the latter without peers in a process of their own; p of a "
        f"difference from the default at {runs.SHARES[EARLY]:.0%} and {runs.SHARES[LATE]:.0%}.",
        "± is the standard error from the spread between seeds; the tasks count as given. p is of Wilcoxon's signed "
        "ranks over the tasks' means, both sides.",
        "Each peer is at its own defaults; nobody is given a first configuration. A configuration that SMAC or NePS "
        "promotes goes on as from a checkpoint. SMAC's rungs and DEHB's are rounded to whole epochs.",
        "Optuna's log_ndtr, a loop in Python, is scipy's here, for Binwise and for Optuna: the same up to rounding.",
        *(f"Not run, {name}: {', '.join(names)}." for name, names in left_out.items() if names),
    ]


if __name__ == "__main__":
    main("search_quality", benchmark, section="Searches in simulated time")
