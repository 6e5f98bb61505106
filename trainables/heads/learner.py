"""A head in training, as the worker runs a trial: one epoch, in which features are computed and the head is fitted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainables.heads.fitting import FittedHead, fit_head, restored
from trainables.heads.inputs import HeadInputs
from trainables.heads.kernel_ridge import Between
from trainables.heads.temperature import log_loss
from trainables.learning.loop import Evaluation, TrainSummary
from trainables.names import TRAIN_LOGITS_FILE, HeadFamily

SETTINGS_FILE = "head.json"  # beside a head's tensors: its family, and what cross-validation chose

# Features of train or val; what it is given is called between two parts of the work.
Inputs = Callable[[Between], HeadInputs]


@dataclass(frozen=True)
class HeadTask:
    """What a head is fitted to: train's labels (N,) and groups (N,), val's labels (M,), how many classes."""

    family: HeadFamily
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    val_labels: NDArray[np.int64]
    classes: int
    seed: int


class HeadLearner:
    """Fits in its only epoch. A fit that was broken off begins anew: it takes seconds, and gives the same bits."""

    def __init__(self, task: HeadTask, train: Inputs, val: Inputs, *, network_bytes: int = 0) -> None:
        """`network_bytes`: of the frozen networks that the features come from."""
        self._task, self._train, self._val, self._network_bytes = task, train, val, network_bytes
        self._head: FittedHead | None = None
        self._val_inputs: HeadInputs | None = None
        self._out_of_fold: NDArray[np.float32] | None = None
        self._kept: dict[str, Tensor] = {}  # of a state that was loaded
        self.last_val_logits: NDArray[np.float32] | None = None  # (M, C)

    def train_epoch(self, after_step: Callable[[], None] | None = None) -> TrainSummary:
        """Compute the features and fit the head. Loss and accuracy are those of held-out folds of train."""
        between, task = after_step or (lambda: None), self._task
        began = time.perf_counter()
        train, self._val_inputs = self._train(between), self._val(between)
        self._head, self._out_of_fold = fit_head(
            task.family, train, task.labels, task.classes, task.groups, seed=task.seed, between=between
        )
        return TrainSummary(
            loss=log_loss(self._out_of_fold, task.labels),
            accuracy=float((self._out_of_fold.argmax(axis=1) == task.labels).mean()),
            samples=len(task.labels),
            learning_rate=0.0,
            seconds=time.perf_counter() - began,
        )

    def evaluate(self) -> Evaluation:
        """Logits and log loss on val."""
        assert self._head is not None and self._val_inputs is not None, "fitted before"  # noqa: S101, PT018
        logits = self.last_val_logits = self._head.logits(self._val_inputs)
        return Evaluation(logits, self._task.val_labels, log_loss(logits, self._task.val_labels))

    def after_epoch(self, val_loss: float) -> None:
        """Nothing follows."""

    def weights(self) -> dict[str, Tensor]:
        """The fitted head's tensors; none before it is fitted."""
        if self._head is None:
            return dict(self._kept)
        return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in self._head.tensors.items()}

    def weights_bytes(self) -> int:
        """Bytes of all that predicts: the head's tensors and the frozen networks'."""
        return self._network_bytes + sum(tensor.nbytes for tensor in self.weights().values())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the tensors of a head that was fitted before."""
        self._kept = dict(weights)

    def state_dict(self) -> dict[str, Any]:
        """There is nothing to go on with within the epoch."""
        return {"done": None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """As above."""

    def write_companions(self, folder: Path) -> None:
        """What the tensors don't say, and the logits of train that each fold's held-out fit gave."""
        assert self._head is not None and self._out_of_fold is not None, "fitted before"  # noqa: S101, PT018
        about = {"family": self._task.family, "settings": dict(self._head.settings)}
        (folder / SETTINGS_FILE).write_text(json.dumps(about, indent=1), "utf-8")
        np.save(folder / TRAIN_LOGITS_FILE, self._out_of_fold, allow_pickle=False)


def read_head(folder: Path, weights: Mapping[str, Tensor]) -> FittedHead:
    """The head of a checkpoint folder that was read and checked."""
    about = json.loads((folder / SETTINGS_FILE).read_text("utf-8"))
    return restored(about["family"], about["settings"], {name: tensor.numpy() for name, tensor in weights.items()})
