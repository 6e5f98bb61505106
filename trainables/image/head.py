"""Heads on pictures' frozen features: the features from the cache, the learner, and the model that predicts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.checkpoint import Checkpoint
from trainables.data.pictures.digests import PICTURES, common_folder, file_digests
from trainables.data.pictures.load import load_pictures
from trainables.data.pictures.source import MappedPictures, PictureSource
from trainables.errors import UserError
from trainables.features.networks import keep_network, link_network, read_network, weights_digest
from trainables.features.store import Between, Features, Recipe, cached_features
from trainables.heads.fitting import FittedHead
from trainables.heads.folds import groups_of
from trainables.heads.inputs import HeadInputs
from trainables.heads.learner import HeadLearner, HeadTask, read_head
from trainables.image.config import ImageHeadConfig
from trainables.image.kept_rows import Opened, Prepared
from trainables.image.network import FeatureExtractor, ImageNetwork, frozen_network, predict_pictures
from trainables.image.vision_models import VisionModel, descriptions, read_descriptions, write_descriptions
from trainables.learning.precision import EXACT
from trainables.learning.steps import pick_device
from trainables.modality import Companions, DataAccess
from trainables.names import NONE, TRAIN, VAL

CHUNK = 256  # pictures decoded at a time for a prediction


def build_networks(config: ImageHeadConfig) -> dict[str, ImageNetwork]:
    """The configured frozen networks by name, without heads. UserError where their weights can't be had."""
    return {name: frozen_network(name, config.weights, config.size) for name in _names(config)}


def _names(config: ImageHeadConfig) -> tuple[str, ...]:
    return (config.backbone, *config.others)


def build_head_learner(config: ImageHeadConfig, data: DataAccess, seed: int) -> tuple[HeadLearner, Companions]:
    """A head that isn't fitted yet, and what writes the frozen networks beside it."""
    networks, told = build_networks(config), descriptions(_names(config))
    train, val = data.splits[TRAIN], data.splits[VAL]
    contents = [one.sha256 for one in file_digests(train.items("image"), data.caches / PICTURES)]
    task = HeadTask(config.head, train.labels, groups_of(train, contents), val.labels, len(train.classes), seed)
    digests = {name: weights_digest(network.state_dict()) for name, network in networks.items()}

    def inputs(split: str, between: Between) -> HeadInputs:
        return HeadInputs(
            tuple(_features(networks[name], name, digests[name], config, data, split, between) for name in networks)
        )

    learner = HeadLearner(
        task,
        lambda between: inputs(TRAIN, between),
        lambda between: inputs(VAL, between),
        network_bytes=sum(tensor.nbytes for one in networks.values() for tensor in one.state_dict().values()),
    )

    def companions(folder: Path) -> None:
        learner.write_companions(folder)
        write_descriptions(told, folder)
        weights = _joined({name: network.state_dict() for name, network in networks.items()})
        link_network(keep_network(data.caches, weights, weights_digest(weights), " + ".join(networks)), folder)

    return learner, companions


def _features(
    network: ImageNetwork,
    name: str,
    digest: str,
    config: ImageHeadConfig,
    data: DataAccess,
    split: str,
    between: Between,
) -> Features:
    """(N, F) of a split's pictures, from the cache."""
    items = data.splits[split].items("image")
    prepared = Prepared(data, split, config.size, config.fit)
    content = prepared.content()
    normalised = [channel.tolist() for channel in (network.scale, network.shift)]
    settings: dict[str, object] = {"network": name, "size": config.size, "fit": config.fit, "normalised": normalised}
    if isinstance(network.backbone, VisionModel):
        settings["architecture"] = network.backbone.architecture()
    recipe = Recipe(prepared.key(content), digest, settings, f"{common_folder(items)}, {name}")
    device = pick_device()
    opened = Opened(prepared, content)

    def compute(rows: slice) -> Features:
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        block = _predicted(network, opened.rows(rows, between), config.evaluation_batch_size, device)
        _require_finite(block, items[rows], name)
        return block

    return cached_features(data.caches, recipe, len(items), compute, between)


def _require_finite(features: Features, items: Sequence[Path], name: str) -> None:
    faulty = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(faulty):
        raise UserError(
            f"A frozen network must make finite features of every picture, but {name} doesn't of {items[faulty[0]]}: "
            "leave out that picture, take another backbone, or set `heads: none`."
        )


def _predicted(network: ImageNetwork, pictures: PictureSource, batch_size: int, device: torch.device) -> Features:
    """(N, F). Computed once, by whichever device a trial is given, and compared with what another one predicts."""
    return predict_pictures(FeatureExtractor(network), pictures, batch_size, device, EXACT)


def _joined(states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The tensors of several networks in one mapping."""
    return {f"{place}.{key}": tensor for place, state in enumerate(states.values()) for key, tensor in state.items()}


class ImageHeadModel:
    """Frozen networks and a fitted head: decodes pictures as they were decoded for its trial, and predicts them."""

    def __init__(
        self,
        networks: Sequence[ImageNetwork],
        head: FittedHead,
        classes: tuple[str, ...],
        config: ImageHeadConfig,
        pixel_limit: int,
    ) -> None:
        self.classes = classes
        self._networks, self._head, self._config, self._pixel_limit = networks, head, config, pixel_limit
        self._device = pick_device()
        for network in networks:
            network.to(device=self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def logits(self, items: Sequence[Path]) -> NDArray[np.float32]:
        """Logits (N, C) of pictures."""
        return self.timed_logits(items, self._config.evaluation_batch_size)[0]

    def timed_logits(self, items: Sequence[Path], batch_size: int) -> tuple[NDArray[np.float32], float]:
        """Logits (N, C) of pictures, and the seconds of networks and head; decoding isn't counted."""
        parts, seconds = [], 0.0
        for start in range(0, len(items), CHUNK):
            chunk = items[start : start + CHUNK]
            pictures = MappedPictures(
                load_pictures(chunk, self._config.size, self._config.fit, pixel_limit=self._pixel_limit)
            )
            began = time.perf_counter()
            most = min(batch_size, self._config.evaluation_batch_size)
            blocks = tuple(_predicted(network, pictures, most, self._device) for network in self._networks)
            parts.append(self._head.logits(HeadInputs(blocks)))
            seconds += time.perf_counter() - began
        return np.concatenate(parts), seconds


def load_networks(folder: Path, checkpoint: Checkpoint) -> tuple[list[ImageNetwork], ImageHeadConfig]:
    """The frozen networks, whose weights lie in a head's folder that was read and checked, and its trial's config."""
    config = ImageHeadConfig.model_validate(checkpoint.meta["config"])
    kept = read_network(folder)
    networks = []
    told = read_descriptions(folder)
    for place, name in enumerate(_names(config)):
        network = frozen_network(name, NONE, config.size, told.get(name))
        head = f"{place}."
        network.load_state_dict({key.removeprefix(head): v for key, v in kept.items() if key.startswith(head)})
        networks.append(network.eval())
    return networks, config


def load_head_model(folder: Path, checkpoint: Checkpoint) -> ImageHeadModel:
    """The model of a head's checkpoint that was read and checked; its networks' weights lie in the folder."""
    networks, config = load_networks(folder, checkpoint)
    classes = tuple(checkpoint.meta["classes"])
    return ImageHeadModel(
        networks, read_head(folder, checkpoint.weights), classes, config, checkpoint.meta["pixel_limit"]
    )


def check_head(config: ImageHeadConfig) -> int:
    """Build the frozen networks and forget them: the bytes of their tensors. UserError where they can't be had."""
    networks = build_networks(config)
    return sum(tensor.nbytes for one in networks.values() for tensor in one.state_dict().values())
