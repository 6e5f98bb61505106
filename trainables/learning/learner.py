"""What the learners of all modalities share: an epoch that can be broken off and taken up again, and its whole state.

A step, end to end. `loop.epochs` asks for an epoch: `TorchLearner.train_epoch` draws its plan (`plan_epoch`: the rows
of each batch, from the trial's own generator) and takes the planned batches one after the other (`batches`: the
modality reads, augments or pads them onto the device). Each goes to `Stepper.step`: forward under autocast, weighted
cross entropy, backward on the scaled loss (in parts, where the batch doesn't fit the memory), then clipping, the
optimizer, the schedule and the weights' average. Losses and hits are summed on the device and read once, at the
epoch's end, so that nothing waits for it; `LossWatch` looks at losses that have arrived, and a loss that isn't finite
ends the trial. After each step the worker may save the state (`after_step`): the optimizer's, the schedule's, every
generator's, the sums so far and how many batches are done; an epoch that is taken up again draws the same plan and
goes on at the next batch. After the epoch `evaluate` predicts val with the weights' average, where one is kept, and
`after_epoch` moves a schedule that goes by the val loss.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.learning.loop import Evaluation, TrainSummary
from trainables.learning.randomness import random_state, restore_random_state
from trainables.learning.steps import Batch, Stepper, evaluation_of


class TorchLearner(ABC):
    """A network in training; a modality adds its batches and its predictions."""

    def __init__(self, stepper: Stepper, *, val_labels: NDArray[np.int64], seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch = 0  # the one that was begun last, counted from 1
        self._stepper, self._val_labels = stepper, val_labels
        self._done: int | None = None  # batches of the epoch that are done; None between epochs
        self._order_state = self.generator.get_state()  # as it was before the epoch's order was drawn
        self._seconds = 0.0  # of the epoch, up to where it was broken off
        self.last_val_logits: NDArray[np.float32] | None = None  # (N, C), of the last evaluation
        self.between: Callable[[], None] = _nothing  # called between parts of work that belongs to no step

    @property
    def stepper(self) -> Stepper:
        """Optimizer, schedule, loss and precision: what makes each step."""
        return self._stepper

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

    def train_epoch(self, after_step: Callable[[], None] | None = None) -> TrainSummary:
        """One pass over the training samples, or over what is left of one that was broken off."""
        plan = self._begin_epoch() if self._done is None else self._planned_again()
        self.before_epoch()
        self.between = after_step or self.between
        began = time.perf_counter() - self._seconds
        for batch in self.batches(plan[self._done :]):
            self._stepper.step(batch)
            self._done = (self._done or 0) + 1
            self._seconds = time.perf_counter() - began
            if after_step is not None:
                after_step()
        summary = self._stepper.summary(self._seconds)
        self._done, self._seconds = None, 0.0
        return summary

    def _begin_epoch(self) -> list[Tensor]:
        self.epoch += 1
        self._done = 0
        self._order_state = self.generator.get_state()
        self._stepper.begin_epoch(self.epoch)
        return self.plan_epoch()

    def _planned_again(self) -> list[Tensor]:
        """The same plan as when the epoch began; the generator goes on from where it was."""
        now = self.generator.get_state()
        self.generator.set_state(self._order_state)
        plan = self.plan_epoch()
        self.generator.set_state(now)
        return plan

    def evaluate(self) -> Evaluation:
        """Logits and loss on val, of the weights' average where one is kept."""
        average = self._stepper.average
        with nullcontext() if average is None else average.applied():
            logits = self.last_val_logits = self.val_logits()
            return evaluation_of(logits, self._val_labels, self._stepper.loss_function)

    def after_epoch(self, val_loss: float) -> None:
        """A schedule that goes by val loss is moved here."""
        self._stepper.schedule.after_epoch(val_loss)

    def weights(self) -> dict[str, Tensor]:
        """Every tensor of the network by name, or the average's where one is kept."""
        average = self._stepper.average
        return self._stepper.network.state_dict() if average is None else average.weights()

    def weights_bytes(self) -> int:
        """Bytes of the tensors that predict."""
        # An average's tensors are as large as the network's own, of which nothing is copied.
        return sum(tensor.nbytes for tensor in self._stepper.network.state_dict().values())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put weights back, every one of them."""
        self._stepper.network.load_state_dict(weights)
        if self._stepper.average is not None:
            self._stepper.average.load(weights)

    def state_dict(self) -> dict[str, Any]:
        """All that training needs beside `weights()`; with an average, the network's own weights too."""
        average = self._stepper.average
        return {
            "epoch": self.epoch,
            "done": self._done,
            "seconds": self._seconds,
            "order": self._order_state,
            "generator": self.generator.get_state(),
            "random": random_state(),
            "stepper": self._stepper.state_dict(),
            "network": None if average is None else self._stepper.network.state_dict(),
            "averaged": 0 if average is None else average.steps,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state, whose weights were put back before."""
        self.epoch, self._done, self._seconds = state["epoch"], state["done"], state["seconds"]
        self._order_state = state["order"]
        self.generator.set_state(state["generator"])
        self._stepper.load_state_dict(state["stepper"])
        if self._stepper.average is not None:
            self._stepper.network.load_state_dict(state["network"])
            self._stepper.average.steps = state["averaged"]
        restore_random_state(state["random"])


def _nothing() -> None:
    """Nobody waits for a word."""
