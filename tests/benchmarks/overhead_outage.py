"""Search time while MLflow is away: overhead_outage.py FOLDER EPOCHS. The same reports, with a store that works, one
that refuses, and one that hangs.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from typing import Any

from overhead_study import made_study

EPOCH_SECONDS = 0.02


def seconds_of(folder: Path, epochs: int, uri: str | None) -> float:
    """From the first trial to the last epoch of a simulated search whose epochs take a while."""
    from overhead_trial import EPOCHS, RATE, accuracy

    from search.decide.terms import NextAttempt
    from trainables.records import EpochResult, StopReason

    study = made_study(folder, epochs, at_once=1, tracking_uri=uri)
    driver: Any = study.driver
    began, reported = time.perf_counter(), 0
    while reported < epochs and isinstance(found := driver.next_attempt(), NextAttempt):
        for epoch in range(1, EPOCHS + 1):
            time.sleep(EPOCH_SECONDS)
            value = accuracy(found.config[RATE], epoch)
            result = EpochResult(epoch, 0.5, value, 0.5, value, value, 1e-3, 0.003, 1000.0, value, epoch)
            reported += 1
            if driver.epoch_ended(found.trial_id, result, "here", StopReason.COMPLETED if epoch == EPOCHS else None):
                break
    seconds = time.perf_counter() - began
    study.tracking.close(timeout=1.0)  # type: ignore[attr-defined]
    return seconds


def measure(folder: Path, epochs: int) -> dict[str, float]:
    """Seconds with each kind of store, taken in turns; the best of three."""
    with socket.socket() as hanging, socket.socket() as free:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(128)  # connections are taken and never answered
        free.bind(("127.0.0.1", 0))
        refused = free.getsockname()[1]
        free.close()
        uris = {
            "works": None,
            "refuses": f"http://127.0.0.1:{refused}",
            "hangs": f"http://127.0.0.1:{hanging.getsockname()[1]}",
        }
        found: dict[str, list[float]] = {kind: [] for kind in uris}
        for turn in range(3):
            for kind, uri in uris.items():
                found[kind].append(seconds_of(folder / f"{kind}{turn}", epochs, uri))
    return {kind: min(seconds) for kind, seconds in found.items()}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]).absolute(), int(sys.argv[2]))))
