"""From a trial's typed hyperparameters to what makes each of its steps, the same for every modality."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from trainables.config import TrialConfig
from trainables.data.samples import Split
from trainables.learning.average import WeightAverage
from trainables.learning.groups import Group, adamw
from trainables.learning.precision import Precision
from trainables.learning.schedules import Schedule
from trainables.learning.steps import Stepper, count_batches, cross_entropy


def make_stepper(
    config: TrialConfig,
    network: nn.Module,
    groups: Sequence[Group],
    train: Split,
    device: torch.device,
    element_budget: int | None = None,
) -> Stepper:
    """What all modalities do alike, from their hyperparameters: optimizer, schedule, loss, precision, average.

    `element_budget`: how many elements of its first input a batch may have before it goes through in parts.
    """
    optimizer = _optimizer(config, groups)
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


def _optimizer(config: TrialConfig, groups: Sequence[Group]) -> torch.optim.Optimizer:
    return adamw(
        groups,
        beta1=config.beta1,
        beta2=config.beta2,
        epsilon=config.epsilon,
        weight_decay_on=config.weight_decay_on,
    )
