"""The border to Binwise: all that the benchmarks take from it, in one place."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from made_data import IMAGE, TEXT
from torch import Tensor, nn

from trainables.build import build_trial, parse_config
from trainables.data.pictures.cache import decoded_pictures
from trainables.data.pictures.load import PIXEL_LIMIT
from trainables.data.reading.read_split import read_split
from trainables.data.samples import Split
from trainables.image.learner import ImageLearner
from trainables.learning.learner import TorchLearner
from trainables.modality import DataAccess
from trainables.names import TRAIN, VAL
from trainables.probe import kernel_microseconds
from trainables.text.learner import TextLearner
from trainables.text.model import build_network as build_text_network
from trainables.text.tokens import encode

BACKBONE = "mobilenet_v3_large"  # the recipe's
IMAGE_RECIPE: dict[str, Any] = {"weights": "none"}  # everything else is the recipe by default
TEXT_RECIPE: dict[str, Any] = {"backbone": "distilbert-base-uncased", "weights": "none", "cleaning": "words"}


def picture_data(root: Path) -> DataAccess:
    """Train and val below `root`, and a cache beside them."""
    train = read_split(root / TRAIN)
    splits = {TRAIN: train, VAL: read_split(root / VAL, classes=train.classes)}
    return DataAccess(splits, root / "cache", PIXEL_LIMIT)


def build_cache(split: Split, folder: Path, size: int) -> int:
    """Decode a split into an empty cache; returns how many pictures."""
    paths = [path for path in split.inputs["image"] if path is not None]
    return len(
        decoded_pictures(
            paths, size=size, fit="pad", pixel_limit=PIXEL_LIMIT, folder=folder, workers=os.cpu_count() or 1
        )
    )


def image_learner(data: DataAccess, seed: int = 0, **changes: Any) -> ImageLearner:
    """An image learner by the recipe, on the device that Binwise picks; decodes the pictures where no cache is."""
    learner = build_trial(IMAGE, {**IMAGE_RECIPE, **changes}, data, seed).learner
    assert isinstance(learner, ImageLearner)
    return learner


def text_learner(data: DataAccess, seed: int = 0, **changes: Any) -> TextLearner:
    """A text learner by the recipe, with random weights."""
    learner = build_trial(TEXT, {**TEXT_RECIPE, **changes}, data, seed).learner
    assert isinstance(learner, TextLearner)
    return learner


def token_sequences(data: DataAccess, **changes: Any) -> dict[str, list[list[int]]]:
    """The token ids of each split, as the text learner of the same hyperparameters sees them."""
    config = parse_config(TEXT, {**TEXT_RECIPE, **changes})
    _, tokenizer = build_text_network(config, data.splits[TRAIN])  # type: ignore[arg-type]
    found = {}
    for name, split in data.splits.items():
        encoded = encode(tokenizer, split.inputs["text"], config.max_length, config.cleaning)  # type: ignore[attr-defined]
        found[name] = [[int(token) for token in ids] for ids in encoded]
    return found


def consume_batches(learner: TorchLearner, use: Callable[[Tensor], object] | None = None) -> int:
    """One epoch's batches without the network; returns the number of samples. `use` gets each batch's first input."""
    samples = 0
    for inputs, labels in learner.batches(learner.plan_epoch()):
        if use is not None:
            use(inputs[0])
        samples += len(labels)
    return samples


def whole_epoch(learner: TorchLearner) -> None:
    """Training and evaluation, as one turn of the loop does them."""
    learner.train_epoch()
    learner.after_epoch(learner.evaluate().loss)


def kernel_seconds(learner: TorchLearner, steps: int = 3) -> float:
    """Seconds a step in which kernels run on the GPU, of a few steps."""
    plan = learner.plan_epoch()[:steps]

    def train() -> None:
        for batch in learner.batches(plan):
            learner.stepper.step(batch)
        torch.cuda.synchronize()

    return sum(kernel_microseconds(train)) / 1e6 / len(plan)


def bare_step(network: nn.Module, optimizer: torch.optim.Optimizer, loss_function: nn.Module) -> Callable[..., None]:
    """Forward, loss, backward, update, in the precision that Binwise takes on the device, and nothing else."""
    device = next(network.parameters()).device

    def step(pictures: Tensor, labels: Tensor) -> None:
        with torch.autocast("cuda", torch.bfloat16) if device.type == "cuda" else nullcontext():
            loss = loss_function(network(pictures).float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step
