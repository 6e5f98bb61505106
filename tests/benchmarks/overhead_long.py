"""A long study without workers: the driver's seconds of a report and a suggestion: overhead_long.py FOLDER TRIALS."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from overhead_study import EPOCHS, made_study

WINDOW = 50  # trials that a figure is the mean of
PAUSE_SECONDS = 0.002  # between reports, as no driver hears of epochs without a pause


def simulate(folder: Path, trials: int) -> dict[str, Any]:
    """Trials one after the other, each to where the scheduler stops it."""
    from overhead_trial import RATE, accuracy

    from search.driver import Attempt
    from trainables.records import EpochResult, StopReason

    study = made_study(folder, trials, at_once=1)
    driver: Any = study.driver
    reports: list[list[float]] = []
    suggestions: list[float] = []
    while True:
        began = time.perf_counter()
        found = driver.next_attempt()
        suggestions.append(time.perf_counter() - began)
        if not isinstance(found, Attempt):
            break
        reports.append([])
        for epoch in range(1, EPOCHS + 1):
            value = accuracy(found.config[RATE], epoch)
            result = EpochResult(epoch, 0.5, value, 0.5, value, value, 1e-3, 0.003, 1000.0, value, epoch)
            time.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            over = driver.epoch_ended(found.trial_id, result, "here", StopReason.COMPLETED if epoch == EPOCHS else None)
            reports[-1].append(time.perf_counter() - began)
            if over:
                break
    study.close()
    early, late = (mean_of(reports[middle - WINDOW // 2 :][:WINDOW]) for middle in (100, trials - WINDOW // 2))
    return {
        "report": {
            "mean": statistics.fmean(second for trial in reports for second in trial),
            "at trial 100": early,
            "at the last trials": late,
            "late / early": late / early,
        },
        "suggestion": {
            "at trial 100": statistics.median(suggestions[75:125]),
            "last": statistics.median(suggestions[-WINDOW - 1 : -1]),
        },
    }


def mean_of(trials: list[list[float]]) -> float:
    """Seconds a report."""
    return statistics.fmean(second for trial in trials for second in trial)


if __name__ == "__main__":
    print(json.dumps(simulate(Path(sys.argv[1]).absolute(), int(sys.argv[2]))))
