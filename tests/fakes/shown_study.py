"""A study as a person would have it, made event by event and without training: what the pictures show."""

from __future__ import annotations

import hashlib
import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.ledger.body import Body
from search.ledger.events import (
    AttemptBegan,
    AttemptEnded,
    EpochEnded,
    Noted,
    SessionBegan,
    SessionEnded,
    StudyCreated,
    TrialCreated,
    TrialEnded,
)
from search.ledger.ledger import Ledger, create_ledger
from search.ledger.state import Outcome
from search.study.config import StudyConfig
from search.study.folder import Layout, create_study_folder
from search.study.yaml_file import dump_study, study_of
from trainables.names import trial_name
from trainables.records import EpochResult, StopReason

SLOTS, HOST, EPOCHS = 4, "gpu-node-1", 12  # trials at once; a trial's last epoch
RUNGS = {3: 0.7, 9: 0.8}  # val accuracy from which on a trial goes on, by epoch
ERROR = """Traceback (most recent call last):
  File "trainables/tune_adapter.py", line 171, in step
    result = self._learner.epoch()
OSError: [Errno 5] Input/output error: 'data/garbage/Train/Green/banana_peel_0412.jpg'"""
DIVERGED = "The loss is nan at step 87 of epoch 2."
NOTE = "A batch of 64 didn't fit into the GPU's memory: 32 samples at a time, with the same gradients."
DATA = {
    "train": {"samples": 9412, "digest": "5d1c" * 16, "classes": ["Black", "Blue", "Green", "Other"]},
    "val": {"samples": 1180, "digest": "9f0e" * 16, "classes": ["Black", "Blue", "Green", "Other"]},
}
BODY: dict[str, Any] = {
    "name": "garbage",
    "description": "Household things in four bins: the picture, the file name, and both together.",
    "seed": 7,
    "data": {"train": "data/garbage/Train", "val": "data/garbage/Val"},
    "image": {
        "backbone": "resnet50",
        "size": 160,
        "max_epochs": EPOCHS,
        "batch_size": 64,
        "search": {
            "trials": 12,
            "space": {
                "backbone_learning_rate": {"type": "float", "low": 1e-5, "high": 1e-2, "log": True},
                "head_learning_rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
                "label_smoothing": {"type": "float", "low": 0.0, "high": 0.2},
            },
            "scheduler": {"name": "asha", "grace": 3, "factor": 3},
        },
    },
    "text": {
        "backbone": "distilbert-base-uncased",
        "max_epochs": EPOCHS,
        "search": {
            "trials": 10,
            "space": {
                "learning_rate": {"type": "float", "low": 1e-5, "high": 1e-3, "log": True},
                "cleaning": {"type": "choice", "choices": ["raw", "words"]},
            },
            "scheduler": {"name": "asha", "grace": 3, "factor": 3},
        },
    },
}


@dataclass(frozen=True)
class Happening:
    """An event before it is on record."""

    at: float  # seconds since the study's beginning
    body: Body
    trial_id: str | None = None


def make_study(runs: Path, began: float, until: float = math.inf) -> tuple[StudyConfig, Layout, Ledger]:
    """The study's folder and ledger. `began`: seconds since 1970; `until`: seconds after which nothing is known yet."""
    study = study_of({**BODY, "runs": str(runs)})
    layout = Layout.of(study)
    shown, versions = study.model_dump(mode="json"), {"torch": "2.14.0"}
    created = StudyCreated(study=shown, data=DATA, versions=versions, commit="c0ffee", uid="garbage-0001")
    create_study_folder(layout, dump_study(study), b"", created)
    layout.ledger_file.unlink()  # it began now, and no event may be older than the one before
    create_ledger(layout.ledger_file, created, began)
    moment = began
    ledger = Ledger(layout.ledger_file, clock=lambda: moment)
    for one in happenings(study):
        if one.at <= until:
            moment = began + one.at
            ledger.append(one.body, one.trial_id)
    return study, layout, ledger


def happenings(study: StudyConfig) -> list[Happening]:
    """The whole study in the order of its times: SLOTS trials at once, both modalities in turn."""
    draw = random.Random(5)
    found = [Happening(0.0, SessionBegan(HOST, 4127))]
    free = [1.0 + slot / 10 for slot in range(SLOTS)]  # when each slot takes its next trial
    for modality, number in _in_turn(study):
        trial = list(_trial(study, modality, number, heapq.heappop(free), draw))
        found += trial
        heapq.heappush(free, trial[-1].at + 2.0)
    found.sort(key=lambda one: one.at)
    return [*found, Happening(found[-1].at + 5.0, SessionEnded(Outcome.FINISHED))]


def _in_turn(study: StudyConfig) -> list[tuple[str, int]]:
    """Every trial of both, the modality that is further behind first."""
    counts = {modality: study.section(modality).trial_count() for modality in study.modalities}
    trials = [(modality, number) for modality, count in counts.items() for number in range(count)]
    return sorted(trials, key=lambda one: one[1] / counts[one[0]])


def _trial(study: StudyConfig, modality: str, number: int, at: float, draw: random.Random) -> Iterator[Happening]:
    """One trial: the fourth picture trial diverges, the sixth fails, the second's batch doesn't fit."""
    trial_id, section = trial_name(modality, number), study.section(modality)
    params = _params(modality, draw)
    config = {**section.fixed(), **params}
    yield Happening(at, TrialCreated(number, modality, params, config, inside=True), trial_id)
    yield Happening(at + 0.01, AttemptBegan(4, 0.25), trial_id)
    last = {("image", 3): 1, ("image", 5): 4}.get((modality, number), EPOCHS)
    seconds = (38.0 if modality == "image" else 21.0) * draw.uniform(0.9, 1.1)
    reason = StopReason.COMPLETED
    for result in _epochs(_quality(params, draw), last, seconds, draw):
        at += seconds
        pruned = result.val_accuracy < RUNGS.get(result.epoch, 0.0)
        yield Happening(at, EpochEnded(result, pruned, worker=f"{HOST} {5200 + number}"), trial_id)
        if (modality, number, result.epoch) == ("image", 1, 1):
            yield Happening(at + 0.1, Noted(NOTE), trial_id)
        if pruned:
            reason = StopReason.PRUNED
            break
    reason = {1: StopReason.DIVERGED, 4: StopReason.FAILED}.get(last, reason)
    yield from _end(trial_id, modality, reason, at + 1.5)


def _end(trial_id: str, modality: str, reason: StopReason, at: float) -> Iterator[Happening]:
    error = ERROR if reason == StopReason.FAILED else None
    yield Happening(at, AttemptEnded(reason, error), trial_id)
    detail = DIVERGED if reason == StopReason.DIVERGED else None
    digests = {"weights.safetensors": hashlib.sha256(trial_id.encode()).hexdigest()}
    ended = TrialEnded(reason, detail, error, f"{modality}/{trial_id}/best", digests)
    yield Happening(at + 0.01, ended, trial_id)


def _params(modality: str, draw: random.Random) -> dict[str, Any]:
    if modality == "text":
        return {"learning_rate": _rounded(10 ** draw.uniform(-5, -3)), "cleaning": draw.choice(["raw", "words"])}
    return {
        "backbone_learning_rate": _rounded(10 ** draw.uniform(-5, -2)),
        "head_learning_rate": _rounded(10 ** draw.uniform(-4, -1)),
        "label_smoothing": _rounded(draw.uniform(0.0, 0.2)),
    }


def _rounded(value: float) -> float:
    """Three digits."""
    return float(f"{value:.3g}")


def _quality(params: dict[str, Any], draw: random.Random) -> float:
    """The val accuracy that a trial comes to: the nearer its learning rate is to 3e-4, the higher."""
    rate = params.get("backbone_learning_rate", params.get("learning_rate", 0.0))
    return 0.89 - 0.13 * abs(math.log10(rate / 3e-4)) - draw.uniform(0.0, 0.03)


def _epochs(quality: float, last: int, seconds: float, draw: random.Random) -> Iterator[EpochResult]:
    """Epochs of a trial that comes near `quality` as a learning curve does."""
    best, best_epoch = 0.0, 0
    for epoch in range(1, last + 1):
        reached = quality * (1 - 0.45 * math.exp(-epoch / 2.2))
        accuracy = round((reached + draw.uniform(-0.012, 0.012)) * 1180) / 1180
        if accuracy > best:
            best, best_epoch = accuracy, epoch
        yield _epoch(epoch, accuracy, reached, seconds, draw, best, best_epoch)


def _epoch(
    epoch: int, accuracy: float, reached: float, seconds: float, draw: random.Random, best: float, best_epoch: int
) -> EpochResult:
    train = min(0.995, reached + 0.012 * epoch)
    return EpochResult(
        epoch=epoch,
        train_loss=round(1.9 * (1 - train) + 0.05, 4),
        train_accuracy=round(train, 4),
        val_loss=round(2.1 * (1 - accuracy) + 0.08 + draw.uniform(0, 0.03), 4),
        val_accuracy=accuracy,
        val_macro_f1=round(accuracy - draw.uniform(0.005, 0.02), 4),
        learning_rate=_rounded(1e-3 * (1 + math.cos(math.pi * (epoch - 1) / EPOCHS)) / 2),
        epoch_seconds=round(seconds, 2),
        samples_per_second=round(9412 / seconds, 1),
        best_val_accuracy=best,
        best_epoch=best_epoch,
        host_memory_bytes=2_900_000_000 + draw.randrange(200_000_000),
        gpu_memory_bytes=6_100_000_000 + draw.randrange(300_000_000),
        gpu_utilization=round(draw.uniform(0.19, 0.235), 3),
        cpu_utilization=round(draw.uniform(0.42, 0.6), 3),
        latency=round(seconds / 9412 / 3, 6),
        weights_bytes=94_000_000,
    )
