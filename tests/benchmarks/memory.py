"""Memory of trial processes: several on one cache at once, and many trials one after the other in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import ours
from harness import main
from machine import memory_of
from made_data import make_picture_splits
from measure import Bound, Findings, at_most

PROCESSES = (1, 2, 4)
GROWTH = 1.05
SHARED_SIZE = (224, 224)  # px of the pictures' files: small ones, so that a large cache is built in seconds
WORKER = Path(__file__).with_name("memory_worker.py")
MEBIBYTE = 2**20


def benchmark(folder: Path, quick: bool) -> Findings:
    """USS with 1, 2 and 4 processes on one cache, then RSS over trials in one."""
    pictures, trials = (512, 5) if quick else (8192, 20)
    sharing, bounds = shared_cache(folder / "shared", pictures)
    growing, growth_bounds = reused_process(folder / "reused", trials)
    figures = {"processes on one cache, MiB": sharing, "trials in one process, MiB": growing}
    return Findings(figures, [*bounds, *growth_bounds], _NOTES)


_NOTES = (
    "USS: pages that no other process maps, a file's pages included; with a single process the cache and the libraries "
    "count as its own. PSS: shared pages divided among their owners. Anonymous: what the process itself wrote.",
    "Each process is measured after an epoch over the whole cache, while all of them are alive.",
    "Trials in one process: build, train and evaluate once, drop, collect garbage, as a reused actor does.",
)


def shared_cache(folder: Path, pictures: int) -> tuple[dict[str, Any], list[Bound]]:
    """What each of 1, 2 and 4 trial processes on one cache holds."""
    make_picture_splits(folder, pictures, 64, size=SHARED_SIZE)
    ours.image_learner(ours.picture_data(folder))  # builds the cache
    cache = sum(path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file())
    found = {number: trial_processes(folder, number) for number in PROCESSES}
    figures: dict[str, Any] = {"cache": cache / MEBIBYTE}
    for number, each in found.items():
        figures[f"{number} processes"] = {kind: _mean(each, kind) / MEBIBYTE for kind in each[0]}
    anonymous = _mean(found[4], "anonymous") / _mean(found[1], "anonymous")
    return figures, [
        at_most("memory, 4 processes on one cache: anonymous memory of each / that of a single one", 1.1, anonymous),
        at_most(
            "memory, 4 processes on one cache: (USS - anonymous) of each / cache; a copy would be 1",
            0.1,
            (_mean(found[4], "uss") - _mean(found[4], "anonymous")) / cache,
        ),
    ]


def _mean(processes: Sequence[dict[str, int]], kind: str) -> float:
    return sum(process[kind] for process in processes) / len(processes)


def trial_processes(folder: Path, number: int) -> list[dict[str, int]]:
    """Memory of so many processes that have trained an epoch on one cache, measured while all are alive."""
    command = [sys.executable, str(WORKER), "shared", str(folder)]
    with ExitStack() as stack:
        workers = [
            stack.enter_context(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
            for _ in range(number)
        ]
        for worker in workers:
            _wait_until_ready(worker)
        found = [memory_of(worker.pid) for worker in workers]
        for worker in workers:
            worker.communicate("go on\n")
    print(f"  {number} processes: {found}", file=sys.stderr)
    return found


def _wait_until_ready(worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        if line.strip() == "ready":
            return
    raise RuntimeError(f"A trial process ended with {worker.wait()} before it had trained; its error stands above.")


def reused_process(folder: Path, trials: int) -> tuple[dict[str, Any], list[Bound]]:
    """Memory after each of many trials in one process; its growth after the third."""
    make_picture_splits(folder, 128, 32, size=SHARED_SIZE)
    command = [sys.executable, str(WORKER), "reused", str(folder), str(trials)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    figures = {kind: [round(row[kind] / MEBIBYTE, 1) for row in rows] for kind in rows[0]}
    bounds = []
    for kind, row in figures.items():
        what = f"memory, {trials} trials in one process, {kind}"
        bounds.append(at_most(f"{what}: largest after the third / third", GROWTH, growth(row)))
        bounds.append(at_most(f"{what}: median of the later half / third", GROWTH, trend(row)))
    return figures, bounds


def growth(values: Sequence[float]) -> float:
    """The largest value after the third, MiB, as a multiple of the third; one below 1 (an empty GPU) counts as 1."""
    return max(values[3:]) / max(values[2], 1)


def trend(values: Sequence[float]) -> float:
    """The later half's median, as a multiple of the third: a peak that goes away again isn't growth."""
    return median(values[len(values) // 2 :]) / max(values[2], 1)


if __name__ == "__main__":
    main("memory", benchmark)
