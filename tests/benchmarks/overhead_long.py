"""A long study without workers: the driver's seconds of a report and a suggestion: overhead_long.py FOLDER TRIALS."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from overhead_study import EPOCHS, made_study

WINDOW = 50  # trials that a figure is the median of
PAUSE_SECONDS = 0.002  # between reports, as no driver hears of epochs without a pause


def simulate(folder: Path, trials: int) -> dict[str, Any]:
    """Trials one after the other, each to where the scheduler stops it."""
    from overhead_trial import RATE, accuracy

    from search.decide.terms import NextAttempt
    from trainables.records import EpochResult, StopReason

    study = made_study(folder, trials, at_once=1)
    driver: Any = study.driver
    reports: dict[str, list[list[float]]] = {"going on": [], "ending its trial": []}
    suggestions: list[float] = []
    while True:
        began = time.perf_counter()
        found = driver.next_attempt()
        suggestions.append(time.perf_counter() - began)
        if not isinstance(found, NextAttempt):
            break
        for one in reports.values():
            one.append([])
        for epoch in range(1, EPOCHS + 1):
            value = accuracy(found.config[RATE], epoch)
            result = EpochResult(epoch, 0.5, value, 0.5, value, value, 1e-3, 0.003, 1000.0, value, epoch)
            time.sleep(PAUSE_SECONDS)
            began = time.perf_counter()
            over = driver.epoch_ended(found.trial_id, result, "here", StopReason.COMPLETED if epoch == EPOCHS else None)
            reports["ending its trial" if over else "going on"][-1].append(time.perf_counter() - began)
            if over:
                break
    study.close()
    found: dict[str, Any] = {kind: compared(seconds, trials) for kind, seconds in reports.items()}
    everything = [second for kind in reports.values() for trial in kind for second in trial]
    return {
        "report": {
            **found,
            "mean": statistics.fmean(everything),
            "late / early": max(one["late / early"] for one in found.values()),
        },
        "suggestion": {
            "at trial 100": statistics.median(suggestions[75:125]),
            "last": statistics.median(suggestions[-WINDOW - 1 : -1]),
        },
    }


def compared(reports: list[list[float]], trials: int) -> dict[str, float]:
    """Median seconds of a report around the 100th trial and of the last ones, of the same kind of report."""
    early, late = (
        statistics.median(second for trial in reports[middle - WINDOW // 2 :][:WINDOW] for second in trial)
        for middle in (100, trials - WINDOW // 2)
    )
    return {"at trial 100": early, "at the last trials": late, "late / early": late / early}


if __name__ == "__main__":
    print(json.dumps(simulate(Path(sys.argv[1]).absolute(), int(sys.argv[2]))))
