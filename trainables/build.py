"""From a trial's typed hyperparameters and its data to a learner: where config values become flat, named arguments."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainables.config import CONFIG_OF, ImageTrialConfig, TextTrialConfig, TrialConfig
from trainables.data.pictures.load import Decode
from trainables.data.pictures.source import PictureSource, open_source
from trainables.data.samples import Split
from trainables.errors import UserError
from trainables.image.backbones import build_backbone, count_features
from trainables.image.network import ImageLearner, ImageNetwork, build_head, set_batchnorm_momentum
from trainables.learning.average import WeightAverage
from trainables.learning.groups import Group, adamw, decayed_groups, layers_of
from trainables.learning.loop import Learner
from trainables.learning.precision import Precision
from trainables.learning.randomness import seed_all
from trainables.learning.schedules import Schedule
from trainables.learning.steps import Stepper, count_batches, cross_entropy, pick_device
from trainables.names import TRAIN, VAL
from trainables.text.learner import TextLearner
from trainables.text.network import (
    TextNetwork,
    check_max_length,
    fresh_text_model,
    fresh_tokenizer,
    pretrained_text_model,
    pretrained_tokenizer,
    save_text_model,
)
from trainables.text.token_cache import encoded_texts
from trainables.text.tokens import TokenSequences, count_cut


@dataclass(frozen=True)
class DataAccess:
    """The splits that a trial may see (train and val, never test) and how to read their pictures."""

    splits: Mapping[str, Split]
    cache: Path  # folder of decoded pictures
    pixel_limit: int
    content: Mapping[str, str] | None = None  # by split: its pictures' content digest, where it is known
    decode: Decode = "auto"
    workers: int = 1  # processes that decode

    @property
    def tokens(self) -> Path:
        """Folder of tokenized texts."""
        return self.cache.parent / "tokens"


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
    seed_all(seed)
    config = parse_config(modality, hyperparameters)
    # torch keeps what it compiled on disk: among our caches, so that later trials find it. Set for each trial, compiled
    # or not: a process's environment doesn't tell what it trained before.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(data.cache.parent / "compiled"))
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


def build_text_network(
    config: TextTrialConfig, train: Split, token_folder: Path | None = None
) -> tuple[TextNetwork, Any]:
    """The configured network and its tokenizer; one trained on the texts is kept in `token_folder`."""
    if config.weights == "none":
        network, tokenizer = fresh_text_model(
            config.backbone,
            len(train.classes),
            config.dropout,
            architecture=config.architecture,
            vocabulary_size=config.vocabulary_size,
            texts=train.texts,
            token_folder=token_folder,
        )
    else:
        network, tokenizer = pretrained_text_model(config.backbone, len(train.classes), config.dropout)
    check_max_length(network, config.backbone, config.max_length)
    return network, tokenizer


def _image_learner(config: ImageTrialConfig, data: DataAccess, seed: int) -> ImageLearner:
    network = build_image_network(config, len(data.splits[TRAIN].classes))
    pictures = {name: _picture_source(config, data, name) for name in data.splits}
    device = pick_device()
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    groups = [
        Group(tuple(network.backbone.parameters()), config.backbone_learning_rate, config.backbone_weight_decay),
        Group(tuple(network.head.parameters()), config.head_learning_rate, config.head_weight_decay),
    ]
    return ImageLearner(
        network,
        _stepper(config, network, groups, data.splits[TRAIN], device),
        train=(pictures[TRAIN], data.splits[TRAIN].labels),
        val=(pictures[VAL], data.splits[VAL].labels),
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        augmentation_strength=config.augmentation_strength,
        frozen_epochs=config.frozen_epochs,
        seed=seed,
    )


def _stepper(
    config: TrialConfig,
    network: nn.Module,
    groups: Sequence[Group],
    train: Split,
    device: torch.device,
    element_budget: int | None = None,
) -> Stepper:
    """What both modalities do alike: optimizer, schedule, loss, precision, average."""
    optimizer = adamw(
        groups,
        beta1=config.beta1,
        beta2=config.beta2,
        epsilon=config.epsilon,
        weight_decay_on=config.weight_decay_on,
    )
    schedule = Schedule(
        config.schedule,
        optimizer,
        total_steps=config.max_epochs * count_batches(len(train), config.batch_size),
        warmup_share=config.warmup_share,
        plateau_factor=config.plateau_factor,
        plateau_patience=config.plateau_patience,
        minimum_learning_rate=config.minimum_learning_rate,
    )
    loss_function = cross_entropy(
        train.labels,
        train.classes,
        weighting=config.class_weights,
        label_smoothing=config.label_smoothing,
        device=device,
    )
    return Stepper(
        network,
        optimizer=optimizer,
        schedule=schedule,
        loss_function=loss_function,
        device=device,
        precision=Precision(config.precision, device),
        gradient_clip=config.gradient_clip,
        average=None if config.ema_decay is None else WeightAverage(network, config.ema_decay),
        element_budget=element_budget,
        compiled=config.compile,
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
    network, tokenizer = build_text_network(config, data.splits[TRAIN], data.tokens)
    sequences = {name: _encoded(tokenizer, split, config, data) for name, split in data.splits.items()}
    device = pick_device()
    network.to(device)
    groups = decayed_groups(
        layers_of(network.classifier),
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        layer_decay=config.layer_decay,
    )
    learner = TextLearner(
        network,
        _stepper(config, network, groups, data.splits[TRAIN], device, config.token_budget),
        train=(sequences[TRAIN], data.splits[TRAIN].labels),
        val=(sequences[VAL], data.splits[VAL].labels),
        pad_id=tokenizer.pad_token_id,
        batch_size=config.batch_size,
        evaluation_batch_size=config.evaluation_batch_size,
        token_budget=config.token_budget,
        frozen_epochs=config.frozen_epochs,
        layers_per_epoch=config.layers_per_epoch,
        seed=seed,
    )
    return learner, lambda folder: save_text_model(network, tokenizer, folder)


def _encoded(tokenizer: Any, split: Split, config: TextTrialConfig, data: DataAccess) -> TokenSequences:
    return encoded_texts(
        tokenizer, split.texts, max_length=config.max_length, cleaning=config.cleaning, folder=data.tokens
    )


def check_weights(modality: str, hyperparameters: Mapping[str, Any], train: Split) -> int:
    """Build the network once, so that unreachable weights are known before the first trial; the bytes of its tensors.

    Raises UserError.
    """
    config = parse_config(modality, hyperparameters)
    if isinstance(config, ImageTrialConfig):
        network: nn.Module = build_image_network(config, len(train.classes))
    elif isinstance(config, TextTrialConfig):
        network = build_text_network(config, train)[0]
    return sum(tensor.nbytes for tensor in network.state_dict().values())


def check_picture_size(hyperparameters: Mapping[str, Any]) -> None:
    """UserError where an image trial's backbone can't take pictures of its size. Nothing is downloaded for it."""
    config = ImageTrialConfig.model_validate(dict(hyperparameters))
    count_features(config.backbone, config.size)


def count_cut_texts(hyperparameters: Mapping[str, Any], data: DataAccess) -> dict[str, int]:
    """How many texts of each split a text trial cuts to its `max_length`. Its tokens lie in the cache afterwards."""
    config = TextTrialConfig.model_validate(dict(hyperparameters))
    if config.weights == "none":
        tokenizer = fresh_tokenizer(data.splits[TRAIN].texts, config.vocabulary_size, data.tokens)
    else:
        tokenizer = pretrained_tokenizer(config.backbone)
    found = {}
    for name, split in data.splits.items():
        sequences = _encoded(tokenizer, split, config, data)
        found[name] = count_cut(
            tokenizer, split.texts, sequences, max_length=config.max_length, cleaning=config.cleaning
        )
    return found
