"""Trained models as things that predict: a checkpoint folder -> logits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.build import build_image_network
from trainables.checkpoint import read_checkpoint
from trainables.config import ImageTrialConfig, TextTrialConfig
from trainables.data.pictures.load import load_pictures
from trainables.data.pictures.source import MappedPictures
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.image.network import ImageNetwork, predict_pictures
from trainables.learning.steps import pick_device
from trainables.names import IMAGE
from trainables.records import Predictions
from trainables.text.network import TextNetwork, predict_sequences, saved_text_model
from trainables.text.tokens import encode

CHUNK = 1024  # pictures decoded at a time, so that a large split needs little memory


class Model(Protocol):
    """A trained model of one modality."""

    modality: str
    classes: tuple[str, ...]

    def logits(self, images: Sequence[Path] | None, texts: Sequence[str] | None) -> NDArray[np.float32]:
        """Logits (N, C) of its own modality's input; the other one is ignored."""

    def timed_logits(
        self, images: Sequence[Path] | None, texts: Sequence[str] | None, batch_size: int
    ) -> tuple[NDArray[np.float32], float]:
        """Logits, and the seconds that the network took for all of them, decoding and tokenizing not counted."""


class ImageModel:
    """An image checkpoint."""

    modality = IMAGE

    def __init__(self, network: ImageNetwork, classes: tuple[str, ...], size: int, fit: str, pixel_limit: int) -> None:
        self.classes = classes
        self._network, self._size, self._fit, self._pixel_limit = network, size, fit, pixel_limit
        self._device = pick_device()
        self._network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(self, images: Sequence[Path] | None, texts: Sequence[str] | None = None) -> NDArray[np.float32]:
        """Logits (N, C) of pictures."""
        return self.timed_logits(images, texts, batch_size=256)[0]

    def timed_logits(
        self, images: Sequence[Path] | None, texts: Sequence[str] | None, batch_size: int
    ) -> tuple[NDArray[np.float32], float]:
        """Logits of pictures, and the network's seconds."""
        parts, seconds = [], 0.0
        for pictures in self._decoded(images or ()):
            began = time.perf_counter()
            parts.append(predict_pictures(self._network, MappedPictures(pictures), batch_size, self._device))
            seconds += time.perf_counter() - began
        return np.concatenate(parts), seconds

    def _decoded(self, images: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            yield load_pictures(chunk, self._size, self._fit, pixel_limit=self._pixel_limit)  # type: ignore[arg-type]


class TextModel:
    """A text checkpoint."""

    modality = "text"

    def __init__(
        self, network: TextNetwork, tokenizer: Any, classes: tuple[str, ...], max_length: int, cleaning: str
    ) -> None:
        self.classes = classes
        self._tokenizer, self._max_length, self._cleaning = tokenizer, max_length, cleaning
        self._device = pick_device()
        self._network = network.to(self._device)

    def logits(self, images: Sequence[Path] | None, texts: Sequence[str] | None) -> NDArray[np.float32]:
        """Logits (N, C) of texts."""
        return self.timed_logits(images, texts, batch_size=256)[0]

    def timed_logits(
        self, images: Sequence[Path] | None, texts: Sequence[str] | None, batch_size: int
    ) -> tuple[NDArray[np.float32], float]:
        """Logits of texts, and the network's seconds."""
        sequences = encode(self._tokenizer, list(texts or ()), self._max_length, self._cleaning)
        began = time.perf_counter()
        logits = predict_sequences(self._network, sequences, self._tokenizer.pad_token_id, batch_size, self._device)
        return logits, time.perf_counter() - began


def load_model(folder: Path) -> Model:
    """The model of a checkpoint folder; UserError where the folder is damaged."""
    checkpoint = read_checkpoint(folder)
    classes = tuple(checkpoint.meta["classes"])
    if checkpoint.meta["modality"] == IMAGE:
        config = ImageTrialConfig.model_validate(checkpoint.meta["config"])
        network = build_image_network(config, len(classes), weights="none")
        network.load_state_dict(checkpoint.weights)
        return ImageModel(network, classes, config.size, config.fit, checkpoint.meta["pixel_limit"])
    text_config = TextTrialConfig.model_validate(checkpoint.meta["config"])
    text_network, tokenizer = saved_text_model(folder, len(classes))
    text_network.load_state_dict(checkpoint.weights)
    return TextModel(text_network, tokenizer, classes, text_config.max_length, text_config.cleaning)


def predict_split(folder: Path, split: Split, *, batch_size: int = 256) -> Predictions:
    """A checkpoint's logits on a split, in the split's order.

    Raises UserError where the split's classes aren't the model's, or a picture is missing or unreadable.
    """
    model = load_model(folder)
    if split.classes != model.classes:
        raise UserError(f"The split's classes {split.classes} must be the model's, which are {model.classes}.")
    if model.modality == IMAGE and None in split.images:
        raise UserError("An image model needs a picture for every sample: give the CSV an `image` column.")
    images = [path for path in split.images if path is not None]
    logits, seconds = model.timed_logits(images, split.texts, batch_size)
    return Predictions(split.ids, logits, split.labels, split.classes, seconds / max(len(split.ids), 1))
