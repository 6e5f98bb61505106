"""An image model: built from a trial's hyperparameters, trained, loaded from its checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trainables.checkpoint import Checkpoint
from trainables.data.pictures.digests import PICTURES
from trainables.data.pictures.load import load_pictures
from trainables.data.pictures.source import MappedPictures, PictureSource, open_source
from trainables.image.backbones import Backbone, build_backbone
from trainables.image.config import ImageTrialConfig
from trainables.image.kept_rows import Prepared
from trainables.image.learner import ImageLearner
from trainables.image.network import ImageNetwork, build_head, predict_pictures, set_batchnorm_momentum
from trainables.image.partial import Activations, PartialLearner, PartlyFrozen
from trainables.image.prepare import CONTENT, STREAM
from trainables.image.vision_models import descriptions, read_descriptions, write_descriptions
from trainables.learning.groups import Group
from trainables.learning.learner import TorchLearner
from trainables.learning.steps import pick_device
from trainables.modality import Companions, DataAccess
from trainables.names import NONE, TRAIN, VAL
from trainables.train_setup import make_stepper

CHUNK = 1024  # pictures decoded at a time, so that a large split needs little memory


def build_network(config: ImageTrialConfig, classes: int) -> ImageNetwork:
    """The configured network."""
    return _with_head(build_backbone(config.backbone, config.weights, config.size), config, classes)


def _with_head(backbone: Backbone, config: ImageTrialConfig, classes: int) -> ImageNetwork:
    head = build_head(backbone.features, classes, config.head_widths, config.head_dropouts)
    network = ImageNetwork(backbone, head)
    set_batchnorm_momentum(network.backbone, config.batchnorm_momentum)
    return network


def build_learner(config: ImageTrialConfig, data: DataAccess, seed: int) -> tuple[TorchLearner, Companions | None]:
    """An image network at the beginning of its training, and what writes beside its weights what network it is.

    None of a network that its name tells.
    """
    told = descriptions([config.backbone])
    companions = partial(write_descriptions, told) if told else None
    if config.frozen_stages:
        return _build_partial(config, data, seed), companions
    network = build_network(config, len(data.splits[TRAIN].classes))
    pictures = {name: _picture_source(config, data, name) for name in data.splits}
    device = pick_device()
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [
        Group(tuple(network.backbone.parameters()), config.backbone_learning_rate, config.backbone_weight_decay),
        Group(tuple(network.head.parameters()), config.head_learning_rate, config.head_weight_decay),
    ]
    learner = ImageLearner(
        network,
        make_stepper(config, network, groups, data.splits[TRAIN], device),
        train=(pictures[TRAIN], data.splits[TRAIN].labels),
        val=(pictures[VAL], data.splits[VAL].labels),
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        augmentation_strength=config.augmentation_strength,
        frozen_epochs=config.frozen_epochs,
        seed=seed,
    )
    return learner, companions


def _build_partial(config: ImageTrialConfig, data: DataAccess, seed: int) -> PartialLearner:
    backbone, classes = build_backbone(config.backbone, config.weights, config.size), data.splits[TRAIN].classes
    head = build_head(backbone.features, len(classes), config.head_widths, config.head_dropouts)
    network = PartlyFrozen(backbone, head, config.backbone, config.size, config.frozen_stages)
    set_batchnorm_momentum(network.backbone, config.batchnorm_momentum)
    device = pick_device()
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [
        Group(tuple(network.learning()), config.backbone_learning_rate, config.backbone_weight_decay),
        Group(tuple(network.head.parameters()), config.head_learning_rate, config.head_weight_decay),
    ]

    def activations(split: str, copies: int) -> Activations:
        pictures = Prepared(data, split, config.size, config.fit)
        return Activations(
            network, pictures, config.backbone, config.frozen_stages, copies, config.augmentation_strength, device
        )

    copies = config.augmented_copies if config.augmentation_strength > 0 else 0
    return PartialLearner(
        network,
        make_stepper(config, network, groups, data.splits[TRAIN], device),
        train=(activations(TRAIN, copies), data.splits[TRAIN].labels),
        val=(activations(VAL, 0), data.splits[VAL].labels),
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        frozen_epochs=config.frozen_epochs,
        seed=seed,
    )


def _picture_source(config: ImageTrialConfig, data: DataAccess, split: str) -> PictureSource:
    content: Mapping[str, str] | None = data.prepared.get(CONTENT)
    return open_source(
        data.splits[split].items("image"),
        size=config.size,
        fit=config.fit,
        pixel_limit=data.pixel_limit,
        folder=data.caches / PICTURES,
        decode="stream" if data.prepared.get(STREAM) else data.decode,
        content=content[split] if content else None,
        workers=data.workers,
        device=pick_device(),
    )


class ImageModel:
    """A trained image network: decodes pictures as they were decoded in training, and predicts them."""

    def __init__(self, network: ImageNetwork, classes: tuple[str, ...], size: int, fit: str, pixel_limit: int) -> None:
        self.classes = classes
        self._network, self._size, self._fit, self._pixel_limit = network, size, fit, pixel_limit
        self._device = pick_device()
        self._network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(self, items: Sequence[Path]) -> NDArray[np.float32]:
        """Logits (N, C) of pictures."""
        return self.timed_logits(items, batch_size=256)[0]

    def timed_logits(self, items: Sequence[Path], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C) of pictures, and the network's seconds; decoding isn't counted."""
        parts, seconds = [], 0.0
        for pictures in self._decoded(items):
            began = time.perf_counter()
            parts.append(predict_pictures(self._network, MappedPictures(pictures), batch_size, self._device))
            seconds += time.perf_counter() - began
        return np.concatenate(parts), seconds

    def _decoded(self, images: Sequence[Path]) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            yield load_pictures(chunk, self._size, self._fit, pixel_limit=self._pixel_limit)  # type: ignore[arg-type]


def load_network(folder: Path, checkpoint: Checkpoint) -> tuple[ImageNetwork, ImageTrialConfig]:
    """The trained network of a checkpoint folder that was read and checked, and its trial's config."""
    config = ImageTrialConfig.model_validate(checkpoint.meta["config"])
    kept = read_descriptions(folder).get(config.backbone)
    backbone = build_backbone(config.backbone, NONE, config.size, kept)
    network = _with_head(backbone, config, len(checkpoint.meta["classes"]))
    network.load_state_dict(checkpoint.weights)
    return network, config


def load_model(folder: Path, checkpoint: Checkpoint) -> ImageModel:
    """The model of a checkpoint folder that was read and checked."""
    network, config = load_network(folder, checkpoint)
    classes = tuple(checkpoint.meta["classes"])
    return ImageModel(network, classes, config.size, config.fit, checkpoint.meta["pixel_limit"])
