"""The training loop of every modality. It knows no Ray: it takes a learner and yields one result an epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainables.records import EpochResult


class Diverged(Exception):
    """The loss isn't finite any more: no later epoch of this trial can help."""


class OutOfMemory(Exception):
    """The device's memory is too small for the trial, even with the smallest parts of a batch."""


@dataclass(frozen=True)
class TrainSummary:
    """One pass over the training split."""

    loss: float  # mean per sample
    accuracy: float
    samples: int
    learning_rate: float  # of the fastest parameter group, at the end
    seconds: float
    micro_batch_size: int = 0  # samples at a time after the device ran out of memory; 0: it didn't


@dataclass(frozen=True)
class Evaluation:
    """One pass over the val split."""

    logits: NDArray[np.float32]  # (N, C)
    labels: NDArray[np.int64]  # (N,)
    loss: float

    @property
    def accuracy(self) -> float:
        """The share of samples whose largest logit is the true class's."""
        return float((self.logits.argmax(axis=1) == self.labels).mean())

    @property
    def macro_f1(self) -> float:
        """The mean of the classes' F1, every class counted alike."""
        count, predicted = self.logits.shape[1], self.logits.argmax(axis=1)
        hits = np.bincount(self.labels[predicted == self.labels], minlength=count)
        either = np.bincount(self.labels, minlength=count) + np.bincount(predicted, minlength=count)
        return float((2 * hits / np.maximum(either, 1)).mean())  # F1 = 2 hits / (true + predicted)


class Learner(Protocol):
    """What learns: a network with its data, optimizer and schedule, or a head on frozen features."""

    last_val_logits: NDArray[np.float32] | None  # (N, C), of the last evaluation

    def train_epoch(self, after_step: Callable[[], None] | None = None) -> TrainSummary:
        """Learn from every training sample once, or from those that are left of an epoch that was broken off.

        `after_step` may save the state. Raises Diverged where the loss isn't finite, OutOfMemory where nothing helps.
        """

    def evaluate(self) -> Evaluation:
        """Logits (N, C), labels (N,) and loss on the val split."""

    def after_epoch(self, val_loss: float) -> None:
        """What the schedule does with the val loss."""

    def weights(self) -> dict[str, Tensor]:
        """The tensors that predict, by name."""

    def weights_bytes(self) -> int:
        """Bytes of all that predicts."""

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Take over tensors that `weights` gave."""

    def state_dict(self) -> dict[str, Any]:
        """All else that training needs to go on as if it had never stopped; loads with `weights_only=True`."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""


@dataclass(frozen=True)
class Progress:
    """How far a trial has come: its last epoch, its best val accuracy (a share) and the epoch of that."""

    epoch: int = 0
    best_val_accuracy: float = -math.inf
    best_epoch: int = 0


def epochs(
    learner: Learner,
    *,
    max_epochs: int,
    patience: int,
    start: Progress | None = None,
    after_step: Callable[[], None] | None = None,
) -> Iterator[EpochResult]:
    """Train epoch by epoch, to `max_epochs` or until `patience` epochs went by without a better val accuracy."""
    progress = start or Progress()
    while not finished(progress, max_epochs=max_epochs, patience=patience):
        summary = learner.train_epoch(after_step)
        began = time.perf_counter()
        evaluation = learner.evaluate()
        latency = (time.perf_counter() - began) / len(evaluation.labels)
        learner.after_epoch(evaluation.loss)
        progress = _advance(progress, evaluation.accuracy)
        seconds = summary.seconds + time.perf_counter() - began
        yield _result(progress, summary, evaluation, seconds, latency)


def finished(progress: Progress | EpochResult, *, max_epochs: int, patience: int) -> bool:
    """Whether a trial that has come this far ends by itself."""
    return progress.epoch >= max_epochs or progress.epoch - progress.best_epoch >= patience


def _advance(progress: Progress, val_accuracy: float) -> Progress:
    epoch = progress.epoch + 1
    if val_accuracy > progress.best_val_accuracy:
        return Progress(epoch, val_accuracy, epoch)
    return Progress(epoch, progress.best_val_accuracy, progress.best_epoch)


def _result(
    progress: Progress, summary: TrainSummary, evaluation: Evaluation, seconds: float, latency: float
) -> EpochResult:
    return EpochResult(
        epoch=progress.epoch,
        train_loss=summary.loss,
        train_accuracy=summary.accuracy,
        val_loss=evaluation.loss,
        val_accuracy=evaluation.accuracy,
        val_macro_f1=evaluation.macro_f1,
        learning_rate=summary.learning_rate,
        epoch_seconds=seconds,
        samples_per_second=summary.samples / seconds,
        best_val_accuracy=progress.best_val_accuracy,
        best_epoch=progress.best_epoch,
        micro_batch_size=summary.micro_batch_size,
        latency=latency,
    )
