"""Tune's trial class driven by hand, as an actor would be: several workers in one process, one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trainables.records import EpochResult
from trainables.worker.tune_adapter import TuneTrial

FIELDS = set(EpochResult.__dataclass_fields__)
CLOCK = {
    *("epoch_seconds", "samples_per_second", "latency", "cpu_utilization", "gpu_utilization"),
    *("host_memory_bytes", "gpu_memory_bytes", "worker"),
}
_WORKERS: list[TuneTrial] = []


def worker(config: dict[str, Any]) -> TuneTrial:
    """A new worker. Those before it are gone: what they had locked is free."""
    while _WORKERS:
        _WORKERS.pop().cleanup()
    _WORKERS.append(TuneTrial(config=config))
    return _WORKERS[-1]


def timeless(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what the clock and the machine say."""
    return {name: value for name, value in report.items() if name not in CLOCK}


def run(trial: TuneTrial) -> list[dict[str, Any]]:
    """All reports of a trial until it says that it is done."""
    reports = [trial.step()]
    while not reports[-1].get("done"):
        reports.append(trial.step())
        assert len(reports) < 50, "a trial must end"
    return reports


def folder_of(tmp_path: Path, modality: str, number: int = 0) -> Path:
    """Where a trial's states and its best checkpoint must lie."""
    return tmp_path / modality / f"{modality}_{number:03d}"


def best_of(tmp_path: Path, modality: str, number: int = 0) -> Path:
    """Where a trial's best checkpoint must lie."""
    return folder_of(tmp_path, modality, number) / "best"


def names(folder: Path) -> list[str]:
    """What lies in a trial's folder beside the worker's lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")
