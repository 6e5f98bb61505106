"""From a trial's typed hyperparameters and its data to a learner: where config values become flat, named arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainables.backbones import build_backbone
from trainables.config import CONFIG_OF, ImageTrialConfig, TextTrialConfig, TrialConfig
from trainables.data.pictures import Decode
from trainables.data.samples import Split
from trainables.data.source import PictureSource, open_source
from trainables.image import ImageLearner, ImageNetwork, build_head, set_batchnorm_momentum
from trainables.loop import Learner
from trainables.records import IMAGE, TEXT, TRAIN, VAL, UserError
from trainables.steps import pick_device
from trainables.text import TextLearner, TextNetwork, fresh_text_model, pretrained_text_model, save_text_model
from trainables.tokens import encode


@dataclass(frozen=True)
class DataAccess:
    """The splits that a trial may see (train and val, never test) and how to read their pictures."""

    splits: Mapping[str, Split]
    cache: Path  # folder of decoded pictures
    pixel_limit: int
    content: Mapping[str, str] | None = None  # by split: its pictures' content digest, where it is known
    decode: Decode = "auto"
    workers: int = 1  # processes that decode


@dataclass(frozen=True)
class BuiltTrial:
    """A learner, and what its checkpoint needs beside the weights."""

    learner: Learner
    meta: Mapping[str, Any]
    companions: Callable[[Path], None] | None


def parse_config(modality: str, hyperparameters: Mapping[str, Any]) -> TrialConfig:
    """A trial's raw dict as its modality's typed value."""
    return CONFIG_OF[modality].model_validate(dict(hyperparameters))


def build_trial(modality: str, hyperparameters: Mapping[str, Any], data: DataAccess, seed: int) -> BuiltTrial:
    """A learner at the beginning of its training; the same seed gives the same one."""
    torch.manual_seed(seed)
    config = parse_config(modality, hyperparameters)
    if isinstance(config, ImageTrialConfig):
        learner: Learner = _image_learner(config, data, seed)
        companions = None
    elif isinstance(config, TextTrialConfig):
        learner, companions = _text_learner(config, data, seed)
    else:
        raise UserError(f"`modality` must be one of {tuple(CONFIG_OF)}, but got {modality!r}.")
    meta = {
        "modality": modality,
        "classes": list(data.splits[TRAIN].classes),
        "config": config.model_dump(mode="json"),
        "pixel_limit": data.pixel_limit,
    }
    return BuiltTrial(learner, meta, companions)


def build_image_network(config: ImageTrialConfig, classes: int, *, weights: str | None = None) -> ImageNetwork:
    """The configured network; `weights` overrides the configured ones (`none` before a checkpoint is loaded)."""
    backbone = build_backbone(config.backbone, config.weights if weights is None else weights, config.size)
    head = build_head(backbone.features, classes, config.head_widths, config.head_dropouts)
    network = ImageNetwork(backbone, head)
    set_batchnorm_momentum(network.backbone, config.batchnorm_momentum)
    return network


def build_text_network(config: TextTrialConfig, train: Split) -> tuple[TextNetwork, Any]:
    """The configured network and its tokenizer."""
    if config.weights == "none":
        return fresh_text_model(
            config.backbone,
            len(train.classes),
            config.dropout,
            architecture=config.architecture,
            vocabulary_size=config.vocabulary_size,
            texts=train.texts,
        )
    return pretrained_text_model(config.backbone, len(train.classes), config.dropout)


def _image_learner(config: ImageTrialConfig, data: DataAccess, seed: int) -> ImageLearner:
    network = build_image_network(config, len(data.splits[TRAIN].classes))
    pictures = {name: _picture_source(config, data, name) for name in data.splits}
    return ImageLearner(
        network,
        train=(pictures[TRAIN], data.splits[TRAIN].labels),
        val=(pictures[VAL], data.splits[VAL].labels),
        classes=data.splits[TRAIN].classes,
        max_epochs=config.max_epochs,
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        backbone_learning_rate=config.backbone_learning_rate,
        head_learning_rate=config.head_learning_rate,
        backbone_weight_decay=config.backbone_weight_decay,
        head_weight_decay=config.head_weight_decay,
        schedule=config.schedule,
        plateau_factor=config.plateau_factor,
        plateau_patience=config.plateau_patience,
        minimum_learning_rate=config.minimum_learning_rate,
        augmentation_strength=config.augmentation_strength,
        frozen_epochs=config.frozen_epochs,
        class_weights=config.class_weights,
        label_smoothing=config.label_smoothing,
        seed=seed,
    )


def _picture_source(config: ImageTrialConfig, data: DataAccess, split: str) -> PictureSource:
    return open_source(
        [path for path in data.splits[split].images if path is not None],
        size=config.size,
        fit=config.fit,
        pixel_limit=data.pixel_limit,
        folder=data.cache,
        decode=data.decode,
        content=data.content[split] if data.content else None,
        workers=data.workers,
        device=pick_device(),
    )


def _text_learner(config: TextTrialConfig, data: DataAccess, seed: int) -> tuple[TextLearner, Callable[[Path], None]]:
    network, tokenizer = build_text_network(config, data.splits[TRAIN])
    sequences = {
        name: encode(tokenizer, split.texts, config.max_length, config.cleaning) for name, split in data.splits.items()
    }
    learner = TextLearner(
        network,
        train=(sequences[TRAIN], data.splits[TRAIN].labels),
        val=(sequences[VAL], data.splits[VAL].labels),
        pad_id=tokenizer.pad_token_id,
        classes=data.splits[TRAIN].classes,
        max_epochs=config.max_epochs,
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        schedule=config.schedule,
        warmup_share=config.warmup_share,
        gradient_clip=config.gradient_clip,
        class_weights=config.class_weights,
        label_smoothing=config.label_smoothing,
        seed=seed,
    )
    return learner, lambda folder: save_text_model(network, tokenizer, folder)


def check_weights(modality: str, hyperparameters: Mapping[str, Any], train: Split) -> None:
    """Build the network once, so that unreachable weights are known before the first trial. Raises UserError."""
    config = parse_config(modality, hyperparameters)
    if modality == IMAGE and isinstance(config, ImageTrialConfig):
        build_image_network(config, len(train.classes))
    elif modality == TEXT and isinstance(config, TextTrialConfig):
        build_text_network(config, train)
