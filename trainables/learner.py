"""What image and text learners share: network, optimizer, schedule, loss, and the state of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.loop import Evaluation, TrainSummary
from trainables.schedules import Schedule
from trainables.steps import Batch, count_batches, cross_entropy, evaluation_of, pick_device, train_steps


class TorchLearner(ABC):
    """A network in training; a modality adds its batches and its predictions."""

    def __init__(
        self,
        network: nn.Module,
        groups: Sequence[tuple[nn.Module, float, float]],
        *,
        train_labels: NDArray[np.int64],
        val_labels: NDArray[np.int64],
        classes: Sequence[str],
        max_epochs: int,
        batch_size: int,
        class_weights: str,
        label_smoothing: float,
        gradient_clip: float | None,
        schedule: str,
        schedule_options: Mapping[str, Any],
        seed: int,
    ) -> None:
        """`groups`: parts of the network, each with its learning rate and weight decay, for AdamW."""
        self.device = pick_device()
        self.generator = torch.Generator().manual_seed(seed)
        self.batch_size = batch_size
        self.epoch = 0
        self._network = network.to(self.device)
        self._train_labels, self._val_labels = train_labels, val_labels
        self._gradient_clip = gradient_clip
        self._loss = cross_entropy(
            train_labels, classes, weighting=class_weights, label_smoothing=label_smoothing, device=self.device
        )
        parameters = [
            {"params": list(part.parameters()), "lr": learning_rate, "weight_decay": weight_decay}
            for part, learning_rate, weight_decay in groups
        ]
        self._optimizer = torch.optim.AdamW(parameters, fused=self.device.type == "cuda")
        total_steps = max_epochs * count_batches(len(train_labels), batch_size)
        self._schedule = Schedule(schedule, self._optimizer, total_steps=total_steps, **schedule_options)

    @abstractmethod
    def plan_epoch(self) -> list[Tensor]:
        """The rows of each of one epoch's batches, in a new random order."""

    @abstractmethod
    def batches(self, plan: Sequence[Tensor]) -> Iterable[Batch]:
        """The planned batches, one after the other."""

    @abstractmethod
    def val_logits(self) -> NDArray[np.float32]:
        """Logits (N, C) on val, in the order of its labels."""

    def before_epoch(self) -> None:  # noqa: B027  # most learners change nothing
        """What changes in the network before epoch `self.epoch` (counted from 1)."""

    def train_epoch(self) -> TrainSummary:
        """One pass over the training samples."""
        self.epoch += 1
        self.before_epoch()
        return train_steps(
            self._network,
            self.batches(self.plan_epoch()),
            optimizer=self._optimizer,
            loss_function=self._loss,
            device=self.device,
            gradient_clip=self._gradient_clip,
            after_step=self._schedule.after_step,
        )

    def evaluate(self) -> Evaluation:
        """Logits and loss on val."""
        return evaluation_of(self.val_logits(), self._val_labels, self._loss)

    def after_epoch(self, val_loss: float) -> None:
        """A schedule that goes by val loss is moved here."""
        self._schedule.after_epoch(val_loss)

    def weights(self) -> dict[str, Tensor]:
        """Every tensor of the network by name."""
        return self._network.state_dict()

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put weights back, every one of them."""
        self._network.load_state_dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """Optimizer, schedule, random generators, epoch: all that the weights don't say."""
        return {
            "epoch": self.epoch,
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self.epoch = state["epoch"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self.generator.set_state(state["generator"])
        torch.set_rng_state(state["torch"])
