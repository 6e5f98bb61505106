"""Hand-made studies, trials and results for the search's tests: no Ray cluster, no model, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search.events import TrialStart
from search.study import StudyConfig
from trainables.records import EpochResult, StopReason, TrialRecord
from trainables.tune_adapter import HYPERPARAMETERS, NUMBER

NAN = float("nan")
SPACE = {
    "head_learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
    "batch_size": {"type": "int", "low": 16, "high": 64, "step": 16},
    "head_widths": {"type": "choice", "choices": [[512, 256], [256, 128]]},
}


def study(folder: Path, *, image: Mapping[str, Any] | None = None, **changes: Any) -> StudyConfig:
    """A study over `folder`/train and `folder`/val; `image` is its image section."""
    data = {"train": str(folder / "train"), "val": str(folder / "val")}
    raw = {"name": "demo", "data": data, "runs": str(folder / "runs"), "image": image or {}, **changes}
    return StudyConfig.model_validate_json(json.dumps(raw), strict=True)


def searching(**search: Any) -> dict[str, Any]:
    """An image section that searches SPACE."""
    return {"search": {"space": SPACE, **search}}


def epoch(number: int, val_accuracy: float, best: float | None = None, best_epoch: int | None = None) -> EpochResult:
    """An epoch of which only the val accuracies matter."""
    return EpochResult(
        epoch=number,
        train_loss=0.4,
        train_accuracy=0.9,
        val_loss=0.5,
        val_accuracy=val_accuracy,
        val_macro_f1=val_accuracy / 2,
        learning_rate=1e-3,
        epoch_seconds=2.0,
        samples_per_second=500.0,
        best_val_accuracy=val_accuracy if best is None else best,
        best_epoch=number if best_epoch is None else best_epoch,
    )


def epochs(accuracies: Sequence[float]) -> tuple[EpochResult, ...]:
    """The epochs of a trial with these val accuracies."""
    made = []
    for number in range(1, len(accuracies) + 1):
        best = max(accuracies[:number])
        made.append(epoch(number, accuracies[number - 1], best, accuracies.index(best) + 1))
    return tuple(made)


def results(accuracies: Sequence[float], reason: StopReason | None = None) -> list[dict[str, Any]]:
    """What the trainable reports to Tune; the last one ends the trial where a reason is given."""
    reports: list[dict[str, Any]] = [dict(one.as_metrics()) for one in epochs(accuracies)]
    if reason is not None:
        reports[-1] |= {"done": True, "stop_reason": reason.value}
    return reports


def diverged_result(number: int) -> dict[str, Any]:
    """What the trainable reports where a loss isn't finite."""
    fields = {**dict.fromkeys(EpochResult.__dataclass_fields__, NAN), "epoch": number}
    return {**fields, "done": True, "stop_reason": "diverged", "detail": "The loss is nan."}


def start_of(number: int, config: Mapping[str, Any] | None = None) -> TrialStart:
    """The start of an image trial."""
    config = {"batch_size": 32, "head_widths": (512, 256)} if config is None else config
    return TrialStart(f"image_{number:03d}", number, "image", {"batch_size": config["batch_size"]}, config)


def record(
    number: int = 0,
    accuracies: Sequence[float] = (),
    reason: StopReason = StopReason.COMPLETED,
    *,
    params: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> TrialRecord:
    """A trial that ended, with one epoch an accuracy."""
    start = start_of(number)
    return TrialRecord(
        study="demo",
        modality="image",
        trial_id=start.trial_id,
        number=number,
        params=start.params if params is None else params,
        config=start.config if config is None else config,
        stop_reason=reason,
        epochs=epochs(accuracies),
        seconds=12.5,
        checkpoint=f"image/{start.trial_id}/best" if accuracies else None,
        error=error,
    )


class FakeTrial:
    """What Tune's callbacks and schedulers look at in a trial."""

    def __init__(self, number: int, hyperparameters: Mapping[str, Any]) -> None:
        self.trial_id = f"tune{number}"
        self.config = {HYPERPARAMETERS: hyperparameters, NUMBER: number}
        self.last_result: dict[str, Any] = {}
        self.error: Exception | None = None

    def get_error(self) -> Exception | None:
        """The last error."""
        return self.error


class Diary:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.started: list[TrialStart] = []
        self.epochs: list[tuple[str, EpochResult]] = []
        self.ended: list[TrialRecord] = []

    def trial_started(self, start: TrialStart) -> None:
        """Keep it."""
        self.started.append(start)

    def epoch_ended(self, start: TrialStart, result: EpochResult) -> None:
        """Keep it."""
        self.epochs.append((start.trial_id, result))

    def trial_ended(self, record: TrialRecord) -> None:
        """Keep it."""
        self.ended.append(record)
