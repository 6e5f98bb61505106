"""What a search costs beside its trials: 40 trials of milliseconds, ours against the stock glue; and a long study.

The stock glue is what Ray's own guides put together: `OptunaSearch`, `ASHAScheduler` and `MLflowLoggerCallback` on
SQLite. Both run the same trials, which import torch, two at a time, each in a process of its own that starts its Ray.
The long study runs 2,000 simulated trials through the real sampler, scheduler, ledger, projections and tracker.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from harness import main
from measure import Findings, at_most

HERE = Path(__file__).parent
STOCK_SHARE = 0.25  # ours takes at most this much of the stock glue's time
REPORT_SECONDS = 0.010
LATE = 1.5  # the last reports cost at most so many times what the first ones did
SUGGESTION_SECONDS = 1.0
OUTAGE = 1.05


def benchmark(folder: Path, quick: bool) -> Findings:
    """Wall seconds of a search; driver seconds of a report and of a suggestion."""
    trials, repeats, long_study = (8, 1, 300) if quick else (40, 3, 2000)
    seconds: dict[str, list[float]] = {"stock": [], "ours": []}
    for repeat in range(repeats):
        for kind, found in seconds.items():
            found.append(run(f"overhead_{kind}.py", str(folder / f"{kind}{repeat}"), str(trials))["seconds"])
    long = run("overhead_long.py", str(folder / "long"), str(long_study))
    outage = run("overhead_outage.py", str(folder / "outage"), "100" if quick else "500")
    wall = {kind: statistics.median(found) for kind, found in seconds.items()}
    figures = {
        "trials": trials,
        "wall seconds, median": wall,
        "wall seconds, each run": seconds,
        "ours / stock": wall["ours"] / wall["stock"],
        "long study": long,
        "search seconds by what MLflow's server does": outage,
    }
    bounds = [
        at_most(f"{trials} trials of milliseconds: ours / stock", STOCK_SHARE, wall["ours"] / wall["stock"]),
        at_most("driver seconds a report, tracking on SQLite", REPORT_SECONDS, long["report"]["mean"], "s"),
        at_most(f"a report at trial {long_study} / at trial 100", LATE, long["report"]["late / early"]),
        *(
            at_most(
                f"search time while MLflow's server {kind} / while it works", OUTAGE, outage[kind] / outage["works"]
            )
            for kind in ("refuses", "hangs")
        ),
        at_most(
            f"seconds a suggestion, {long_study} trials behind it", SUGGESTION_SECONDS, long["suggestion"]["last"], "s"
        ),
    ]
    return Findings(figures, bounds, _NOTES)


def run(script: str, *arguments: str) -> dict[str, Any]:
    """A script of this folder in a process of its own, and the JSON that it ends with; its wall seconds are added."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return {"seconds": time.perf_counter() - began, **json.loads(done.stdout.splitlines()[-1])}


_NOTES = [
    "Wall seconds are of whole processes: imports, Ray's start, the search, and until MLflow has everything.",
    "A report that ends its trial writes more than one that doesn't: late and early are compared within each kind.",
    "A report's driver time is what the calling thread spends on an epoch: ledger, scheduler, sampler, projections.",
]

if __name__ == "__main__":
    main("search_overhead", benchmark)
