"""A trial's raw dict and its data -> a learner, whatever its modality."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainables.config import HeadConfig, TrialConfig
from trainables.data.samples import Split
from trainables.learning.loop import Learner
from trainables.learning.randomness import seed_all
from trainables.modalities import modality_of
from trainables.modality import Companions, DataAccess
from trainables.names import HEAD, TRAIN


@dataclass(frozen=True)
class BuiltTrial:
    """A learner, and what its checkpoint needs beside the weights."""

    learner: Learner
    meta: Mapping[str, Any]
    companions: Companions | None


def parse_config(modality: str, hyperparameters: Mapping[str, Any]) -> TrialConfig | HeadConfig:
    """A trial's raw dict as its modality's typed value, parsed strictly: "3" and true are no numbers.

    One with the key `head` is a head trial's. Raises pydantic's ValidationError.
    """
    kind = modality_of(modality)
    if HEAD in hyperparameters and kind.head_config_type is not None:
        return kind.head_config_type.parsed(hyperparameters)
    return kind.config_type.parsed(hyperparameters)


def build_trial(modality: str, hyperparameters: Mapping[str, Any], data: DataAccess, seed: int) -> BuiltTrial:
    """A learner at the beginning of its training; the same seed gives the same one."""
    seed_all(seed)
    config = parse_config(modality, hyperparameters)
    # torch keeps what it compiled on disk: among our caches, so that later trials find it. Set for each trial, compiled
    # or not: a process's environment doesn't tell what it trained before.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(data.caches / "compiled"))
    learner, companions = modality_of(modality).build(config, data, seed)
    meta = {
        "modality": modality,
        "classes": list(data.splits[TRAIN].classes),
        "config": config.model_dump(mode="json"),
        "pixel_limit": data.pixel_limit,
    }
    return BuiltTrial(learner, meta, companions)


def check_network(modality: str, hyperparameters: Mapping[str, Any], train: Split) -> int:
    """Build a trial's network once, so that unreachable weights are known before it; the bytes of its tensors.

    Raises UserError where the network can't be had.
    """
    return modality_of(modality).check(parse_config(modality, hyperparameters), train)
