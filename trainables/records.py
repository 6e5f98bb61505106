"""What a trial leaves behind: its epochs, its line of `trials.jsonl`, its predictions.

Only numpy and the standard library are imported here, so that every layer may import it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.names import EPOCH, HEAD, OBJECTIVE_FIELDS, VAL_ACCURACY


class StopReason(StrEnum):
    """Why a trial ended; the same word in every record."""

    COMPLETED = "completed"  # ran to its last epoch, or stopped early after `patience` epochs without a better val
    PRUNED = "pruned"  # stopped by the scheduler
    DIVERGED = "diverged"  # a loss that isn't finite
    OOM = "oom"  # the GPU's memory is too small for it, even sample by sample
    FAILED = "failed"  # an error, kept in the record
    LOST = "lost"  # its worker died each time it was tried: killed, or its machine gone
    INTERRUPTED = "interrupted"  # the study was stopped while the trial ran


@dataclass(frozen=True)
class EpochResult:
    """What one epoch of one trial gave. Accuracies are shares (0 to 1), losses means per sample, times seconds.

    What the trial used of its machine is 0 where it isn't known.
    """

    epoch: int  # counted from 1
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    val_macro_f1: float
    learning_rate: float  # of the fastest parameter group, at the epoch's end
    epoch_seconds: float
    samples_per_second: float
    best_val_accuracy: float
    best_epoch: int
    micro_batch_size: int = 0  # samples at a time, once the GPU's memory didn't hold the batch; 0: it did
    host_memory_bytes: int = 0  # the trial's peak of resident memory so far, processes that it started excluded
    gpu_memory_bytes: int = 0  # the trial's peak of allocated GPU memory so far
    gpu_utilization: float = 0.0  # this process's share of its GPU's time over the epoch, 0 to 1
    cpu_utilization: float = 0.0  # CPU seconds by seconds and CPUs given over the epoch, 1: all of them busy
    latency: float = 0.0  # seconds per sample of the epoch's evaluation
    weights_bytes: int = 0  # of the tensors that predict

    def objective(self, name: str) -> float:
        """Its value in one objective: val accuracy (share), latency (seconds per sample) or size (bytes)."""
        return float(getattr(self, OBJECTIVE_FIELDS[name]))

    def as_metrics(self) -> dict[str, float]:
        """All fields by name."""
        return dataclasses.asdict(self)


def best_epoch(epochs: Iterable[EpochResult]) -> EpochResult | None:
    """The epoch with the highest val accuracy, the first of equals; None where there is none."""
    return max(epochs, key=lambda one: (one.val_accuracy, -one.epoch), default=None)


# What is tracked per epoch, by the epoch's number: at most 20 metrics a trial, three of them left for its end.
METRIC_KEYS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(EpochResult) if field.name != EPOCH)


@dataclass(frozen=True)
class ProbeResult:
    """What a trial of some hyperparameters takes on the device on which it was tried."""

    peak_bytes: int  # on a GPU: reserved for its tensors, the CUDA context not counted; on a CPU: what the process grew
    total_bytes: int  # the GPU's memory, or the machine's
    step_seconds: float
    train_steps_per_epoch: int
    evaluate_seconds_per_sample: float
    gpu_utilization: float | None  # share (0 to 1) of a step's time in which the GPU computes; None: not known
    weights_bytes: int
    micro_batch_size: int = 0  # samples at a time where the batch didn't fit the memory; 0: it did


@dataclass(frozen=True)
class TrialRecord:
    """One line of `trials.jsonl`: complete in itself, no join needed. Failed and pruned trials have one too."""

    study: str
    modality: str
    trial_id: str  # "image_003": unique in the study
    number: int
    params: Mapping[str, Any]  # what tells it from other trials: the searched hyperparameters, a point's others
    config: Mapping[str, Any]  # every hyperparameter of the trial, the fixed ones too
    stop_reason: StopReason
    epochs: tuple[EpochResult, ...]  # in order, each epoch once; empty where the trial failed before its first
    seconds: float
    checkpoint: str | None  # the best checkpoint's folder, relative to the study folder
    error: str | None = None  # the traceback's end, where it failed
    notes: tuple[str, ...] = ()  # what happened on the way
    objectives: tuple[str, ...] = (VAL_ACCURACY,)  # what its search was for; a second one is to be small

    @property
    def is_head(self) -> bool:
        """Whether it fits a head on frozen features, and its networks don't learn."""
        return HEAD in self.config

    @property
    def best(self) -> EpochResult | None:
        """Its best epoch; None where no epoch ended."""
        return best_epoch(self.epochs)

    def to_json(self) -> str:
        """One line of JSON, in ASCII: an error's text may hold Unicode's own line ends, or half a character."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> TrialRecord:
        """The record of one line, with the tuples that JSON made lists; ValueError where it isn't one."""
        raw = json.loads(line)
        for field in ("params", "config"):
            raw[field] = {key: tuple(v) if isinstance(v, list) else v for key, v in raw[field].items()}
        raw["epochs"] = tuple(EpochResult(**e) for e in raw["epochs"])
        raw["stop_reason"] = StopReason(raw["stop_reason"])
        raw["notes"] = tuple(raw.get("notes", ()))
        raw["objectives"] = tuple(raw.get("objectives", (VAL_ACCURACY,)))
        if raw["checkpoint"] is not None and not is_inside(raw["checkpoint"]):
            raise ValueError(f"checkpoint must lie in the study's folder, but got {raw['checkpoint']!r}")
        return cls(**raw)


def is_inside(path: str) -> bool:
    """Whether a relative path, as JSON has it, stays below the folder that it is relative to."""
    parts = PurePosixPath(path)
    return bool(path) and not parts.is_absolute() and ".." not in parts.parts and set(path).isdisjoint("\\\0")


@dataclass(frozen=True)
class Predictions:
    """Logits of one model on one split."""

    ids: tuple[str, ...]  # (N,) sample ids, unique
    logits: NDArray[np.float32]  # (N, C)
    labels: NDArray[np.int64]  # (N,) index into classes
    classes: tuple[str, ...]  # (C,) sorted as in training
    seconds_per_sample: float  # inference time, data preparation not counted

    def __post_init__(self) -> None:
        shape = (len(self.ids), len(self.classes))
        if self.logits.shape != shape or self.labels.shape != shape[:1]:
            raise ValueError(
                f"`logits` of shape {shape} and `labels` of shape {shape[:1]} must hold, "
                f"but got {self.logits.shape} and {self.labels.shape}."
            )

    def aligned(self, ids: Sequence[str]) -> Predictions:
        """The same predictions in the order of `ids`; ValueError where the two sets of ids differ."""
        place = {sample_id: row for row, sample_id in enumerate(self.ids)}
        if len(ids) != len(place) or any(sample_id not in place for sample_id in ids):
            odd = sorted(set(ids) ^ set(place))[:3]
            raise ValueError(f"Both models must have seen the same samples, but these differ: {odd}.")
        rows = np.array([place[sample_id] for sample_id in ids], dtype=np.int64)
        return dataclasses.replace(self, ids=tuple(ids), logits=self.logits[rows], labels=self.labels[rows])


def study_checkpoint(study_folder: Path, record: TrialRecord) -> Path:
    """Where a trial's best checkpoint lies."""
    if record.checkpoint is None:
        raise ValueError(f"Trial {record.trial_id} has no checkpoint: it ended ({record.stop_reason}) before one.")
    return study_folder / record.checkpoint
