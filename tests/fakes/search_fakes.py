"""Hand-made studies, results and records for the search's tests: no Ray cluster, no model, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modality_names import IMAGE, TEXT

from search.study.config import StudyConfig
from trainables.names import NONE
from trainables.records import EpochResult, StopReason, TrialRecord

SPACE = {
    "head_learning_rate": {"type": "float", "low": 1e-4, "high": 1e-2, "log": True},
    "batch_size": {"type": "int", "low": 16, "high": 64, "step": 16},
    "head_widths": {"type": "choice", "choices": [[512, 256], [256, 128]]},
}


def study(folder: Path, *, image: Mapping[str, Any] | None = None, **changes: Any) -> StudyConfig:
    """A study over `folder`/train and `folder`/val, without heads where it asks for none; `image` is its section."""
    data = {"train": str(folder / "train"), "val": str(folder / "val")}
    raw = {"name": "demo", "data": data, "runs": str(folder / "runs"), IMAGE: image or {}, TEXT: {}, **changes}
    for name in (IMAGE, TEXT):
        raw[name] = {**raw[name], "search": {"heads": NONE, **raw[name].get("search", {})}}
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
    config = {"batch_size": 32, "head_widths": (512, 256)} if config is None else config
    trial_id = f"image_{number:03d}"
    return TrialRecord(
        study="demo",
        modality="image",
        trial_id=trial_id,
        number=number,
        params={"batch_size": config["batch_size"]} if params is None else params,
        config=config,
        stop_reason=reason,
        epochs=epochs(accuracies),
        seconds=12.5,
        checkpoint=f"image/{trial_id}/best" if accuracies else None,
        error=error,
    )
