"""Tiny data and networks for the tests of `trainables`: no download, seconds in all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from modality_names import IMAGE, TEXT
from PIL import Image
from split_fakes import made_split
from torch import Tensor

from trainables.build import BuiltTrial, build_trial
from trainables.checkpoint import write_checkpoint, write_val_logits
from trainables.data.samples import Split
from trainables.learning.loop import Progress, epochs
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL
from trainables.records import EpochResult

CLASSES = ("Black", "Blue")
WORDS = (("dirty", "nappy", "styrofoam", "chips"), ("glass", "bottle", "paper", "newspaper"))
COLOURS = ((30, 30, 30), (40, 60, 220))
PIXEL_LIMIT = 1_000_000

IMAGE_TRIAL: dict[str, Any] = {
    "backbone": "test_efficientnet",
    "weights": "none",
    "size": 32,
    "max_epochs": 4,
    "patience": 4,
    "batch_size": 8,
    "head_widths": [16],
    "head_dropouts": [0.2],
}
TEXT_TRIAL: dict[str, Any] = {
    "backbone": "distilbert",
    "weights": "none",
    "architecture": {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64},
    "vocabulary_size": 200,
    "max_length": 16,
    "max_epochs": 4,
    "patience": 4,
    "batch_size": 8,
    "learning_rate": 1e-3,
}
TRIAL = {IMAGE: IMAGE_TRIAL, TEXT: TEXT_TRIAL}


def make_split(folder: Path, count: int, seed: int) -> Split:
    """Noisy pictures in their class's colour, 48 px wide and 40 high, with texts of their class's words."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    labels = np.arange(count, dtype=np.int64) % len(CLASSES)
    texts, images = [], []
    for row, label in enumerate(labels):
        texts.append("_".join(rng.choice(WORDS[label], size=int(rng.integers(1, 4)))) + f"_{row}")
        noisy = np.array(COLOURS[label]) + rng.normal(0, 25, size=(40, 48, 3))
        images.append(folder / f"{row}.png")
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(images[-1])
    ids = tuple(f"{CLASSES[label]}/{row}.png" for row, label in enumerate(labels))
    return made_split(ids, tuple(texts), labels, tuple(images), CLASSES)


def make_data(folder: Path) -> DataAccess:
    """Train of 20 samples (batches of 8, 8 and 4) and val of 10."""
    splits = {TRAIN: make_split(folder / TRAIN, 20, seed=1), VAL: make_split(folder / VAL, 10, seed=2)}
    return DataAccess(splits, folder / "cache", PIXEL_LIMIT)


def build(modality: str, data: DataAccess, seed: int = 7, **changes: Any) -> BuiltTrial:
    """A tiny trial of a modality, with changed hyperparameters."""
    return build_trial(modality, {**TRIAL[modality], **changes}, data, seed)


def saved(built: BuiltTrial, folder: Path) -> Path:
    """Its checkpoint, as the worker writes it."""

    def companions(into: Path) -> None:
        assert built.learner.last_val_logits is not None
        if built.companions is not None:
            built.companions(into)
        write_val_logits(into, built.learner.last_val_logits)

    write_checkpoint(folder, built.learner.weights(), built.meta, companions=companions)
    return folder


def train(built: BuiltTrial, max_epochs: int, start: Progress | None = None) -> list[EpochResult]:
    """The results of training to `max_epochs`, without what the clock says."""
    found = epochs(built.learner, max_epochs=max_epochs, patience=100, start=start)
    return [timeless(result) for result in found]


def timeless(result: EpochResult) -> EpochResult:
    """The result without what the clock says."""
    return dataclasses.replace(result, epoch_seconds=0.0, samples_per_second=0.0, latency=0.0)


def assert_same_tensors(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    assert one, "there must be something to compare"
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert different == []
