"""Learning is real: pretrained backbones, fine-tuned, against linear models on frozen features and on n-grams, on val.

Run by name only (`python tests/benchmarks/run_all.py learning`): it takes minutes, and the pictures that
`make openclipart` imports. The two trainings are the fixed points of configs/openclipart.yaml; the test split isn't
looked at.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness import main
from made_data import IMAGE, MODALITIES, TEXT
from measure import Bound, Findings, at_least

from trainables.build import build_trial
from trainables.checkpoint import write_checkpoint
from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.data.reading.read_split import read_split
from trainables.learning.loop import epochs
from trainables.modalities import modality_of
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL

DATA = Path(__file__).parents[2] / "data" / "openclipart"
SEED = 0
BEATS = 1.001  # better, be it by one sample
POINTS: dict[str, dict[str, Any]] = {
    IMAGE: {
        "backbone": "tf_efficientnet_lite0",
        "size": 128,
        "max_epochs": 8,
        "schedule": "one_cycle",
        "backbone_learning_rate": 1.5e-3,
        "head_learning_rate": 1.5e-3,
    },
    TEXT: {
        "backbone": "sentence-transformers/all-MiniLM-L6-v2",
        "max_epochs": 6,
        "batch_size": 32,
        "learning_rate": 2e-4,
        "cleaning": "words",
    },
}
LINEAR = {IMAGE: "logistic regression on frozen features", TEXT: "logistic regression on character n-grams"}


def benchmark(folder: Path, quick: bool) -> Findings:
    """Val accuracies of four models. Where the data isn't there, a note says how to get it."""
    if not (DATA / "Train").is_dir():
        return Findings({}, [], [f"Not run: {DATA} isn't there. `make openclipart` fetches and imports it."])
    train = read_split(DATA / "Train")
    splits = {TRAIN: train, VAL: read_split(DATA / "Val", classes=train.classes)}
    data = DataAccess(splits, folder / "cache", PIXEL_LIMIT)
    tuned = {name: fine_tuned(name, data, folder / name, 1 if quick else None) for name in MODALITIES}
    linear = linear_accuracies(data, folder / IMAGE)
    figures: dict[str, Any] = {"train samples": len(train), "val samples": len(data.splits[VAL])}
    for name in MODALITIES:
        figures[name] = {"fine-tuned, val accuracy": tuned[name], f"{LINEAR[name]}, val accuracy": linear[name]}
    return Findings(figures, [_bound(name, tuned[name], linear[name]) for name in MODALITIES], [])


def _bound(name: str, tuned: float, linear: float) -> Bound:
    return at_least(f"{name}: fine-tuned val accuracy / {LINEAR[name]}", BEATS, tuned / linear)


def fine_tuned(modality: str, data: DataAccess, folder: Path, max_epochs: int | None) -> float:
    """The best val accuracy of one training; its last weights go to `folder`."""
    built = build_trial(modality, POINTS[modality], data, SEED)
    limit = max_epochs or POINTS[modality]["max_epochs"]
    results = []
    for result in epochs(built.learner, max_epochs=limit, patience=limit):
        print(f"  {modality} epoch {result.epoch}: {result.val_accuracy:.3f}", file=sys.stderr, flush=True)
        results.append(result)
    write_checkpoint(folder, built.learner.weights(), built.meta, companions=built.companions)
    return results[-1].best_val_accuracy


def linear_accuracies(data: DataAccess, image_checkpoint: Path) -> dict[str, float]:
    """Of the linear baseline, by modality; the frozen features are those that the fine-tuning began with."""
    found = {}
    for name in MODALITIES:
        of_splits = modality_of(name).baseline(image_checkpoint, data.splits[TRAIN], {VAL: data.splits[VAL]})
        assert of_splits is not None, "both built-in modalities have one"
        found[name] = float((of_splits[VAL].logits.argmax(axis=1) == of_splits[VAL].labels).mean())
    return found


if __name__ == "__main__":
    main("learning", benchmark)
