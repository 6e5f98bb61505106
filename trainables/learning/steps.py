"""Steps over batches, the same for every modality: forward, backward, update; and evaluation.

Nothing in a step waits for the device: losses and hits are summed where they are computed and read once an epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.learning.average import WeightAverage
from trainables.learning.loop import Diverged, Evaluation, OutOfMemory, TrainSummary
from trainables.learning.precision import AUTO, Precision
from trainables.learning.schedules import Schedule
from trainables.learning.watch import LossWatch

Inputs = tuple[Tensor, ...]
Batch = tuple[Inputs, Tensor]  # (what the network takes, labels)


def pick_device() -> torch.device:
    """The GPU that this process was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def batch_rows(order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Rows of an epoch's order by batch. A last batch of one is left out: BatchNorm can't learn from one sample."""
    for rows in torch.split(order, batch_size):
        if len(rows) > 1 or len(order) == 1:
            yield rows


def count_batches(samples: int, batch_size: int) -> int:
    """How many batches `batch_rows` makes of that many samples."""
    whole, rest = divmod(samples, batch_size)
    return whole + (1 if rest > 1 or samples == 1 else 0)


class Stepper:
    """One optimizer step a batch, on one network.

    A batch whose first input has more than `element_budget` elements goes through the network in parts whose gradients
    add up to the whole batch's. The same happens after the device ran out of memory: then half as many samples go
    through at a time, from there on. (BatchNorm sees the parts, not the batch.)
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        loss_function: nn.CrossEntropyLoss,
        device: torch.device,
        precision: Precision,
        gradient_clip: float | None = None,
        average: WeightAverage | None = None,
        element_budget: int | None = None,
        compiled: bool = False,
    ) -> None:
        self.network, self.optimizer, self.schedule, self.average = network, optimizer, schedule, average
        self.loss_function, self.device, self.precision = loss_function, device, precision
        self._gradient_clip, self._element_budget = gradient_clip, element_budget
        self._forward: Any = torch.compile(network) if compiled else network
        self._smallest = 2 if any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in network.modules()) else 1
        self._watch = LossWatch(device)
        self.micro_batch_size: int | None = None  # samples at a time, once memory ran out
        self.begin_epoch(0)

    def begin_epoch(self, epoch: int) -> None:
        """Set the epoch's sums to nothing."""
        self._epoch, self._steps = epoch, 0
        self._loss_sum = torch.zeros((), device=self.device)
        self._hits = torch.zeros((), device=self.device, dtype=torch.long)
        self._samples = 0

    def step(self, batch: Batch) -> None:
        """Learn from one batch.

        Raises:
            Diverged: a loss that isn't finite.
            OutOfMemory: not even the smallest part of the batch fits the device.
        """
        if not self.network.training:  # walking all modules takes as long as many a small network's forward pass
            self.network.train()
        self.optimizer.zero_grad(set_to_none=True)
        while (sums := self._gradients(batch)) is None:
            self._halve(batch)
        loss, hits = sums
        self._steps += 1
        self._watch.look(loss, f"step {self._steps} of epoch {self._epoch}")
        self._update()
        size = len(batch[1])
        self._loss_sum += loss * size
        self._hits += hits
        self._samples += size

    def _gradients(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """The batch's mean loss and its hits, with the gradients left in the network; None: out of memory."""
        inputs, labels = batch
        parts = self._parts(batch)
        try:
            if parts == 1:
                return self._backward(inputs, labels, None)
            whole = self._weight(labels)
            sums = [
                self._backward(tuple(piece[:-1]), piece[-1], self._weight(piece[-1]) / whole)
                for piece in zip(*(tensor.tensor_split(parts) for tensor in (*inputs, labels)), strict=True)
            ]
            return torch.stack([loss for loss, _ in sums]).sum(), torch.stack([hits for _, hits in sums]).sum()
        except torch.OutOfMemoryError:
            return None  # outside of the handler, the failed part's tensors are freed

    def _backward(self, inputs: Inputs, labels: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
        with self.precision.autocast():
            logits = self._forward(*inputs)
            loss: Tensor = self.loss_function(logits.float(), labels)
        if share is not None:
            loss = loss * share
        self.precision.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), (logits.detach().argmax(dim=1) == labels).sum()

    def _weight(self, labels: Tensor) -> Tensor:
        """What a mean over these labels divides by: their class weights' sum."""
        weight = self.loss_function.weight
        return torch.tensor(float(len(labels)), device=labels.device) if weight is None else weight[labels].sum()

    def _parts(self, batch: Batch) -> int:
        """In how many parts the batch goes through the network, none smaller than BatchNorm can take."""
        inputs, labels = batch
        size, parts = len(labels), 1
        if self._element_budget is not None:
            parts = -(-inputs[0].numel() // self._element_budget)
        if self.micro_batch_size is not None:
            parts = max(parts, -(-size // self.micro_batch_size))
        return max(1, min(parts, size // self._smallest))

    def _halve(self, batch: Batch) -> None:
        size = -(-len(batch[1]) // self._parts(batch))
        if self._smallest in (size, self.micro_batch_size):
            raise OutOfMemory(f"Not even {self._smallest} samples at a time fit into the memory of {self.device}.")
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        self.micro_batch_size = max(self._smallest, size // 2)

    def _update(self) -> None:
        scaler = self.precision.scaler
        if self._gradient_clip is not None:
            scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self._gradient_clip)
        try:
            scaler.step(self.optimizer)
        except torch.OutOfMemoryError as error:  # smaller parts wouldn't help: their tensors are freed already
            raise OutOfMemory(f"The optimizer's state doesn't fit into the memory of {self.device}.") from error
        scaler.update()
        self.schedule.after_step()
        if self.average is not None:
            self.average.update()

    def summary(self, seconds: float) -> TrainSummary:
        """The epoch's means, which took so many seconds. Raises Diverged where a late loss wasn't finite."""
        self._watch.wait()
        rate = max(group["lr"] for group in self.optimizer.param_groups)
        return TrainSummary(
            loss=self._loss_sum.item() / self._samples,
            accuracy=self._hits.item() / self._samples,
            samples=self._samples,
            learning_rate=float(rate),
            seconds=seconds,
            micro_batch_size=self.micro_batch_size or 0,
        )

    def state_dict(self) -> dict[str, Any]:
        """All but the weights; the epoch's sums so far are in it."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.precision.scaler.state_dict(),
            "sums": (self._epoch, self._steps, self._loss_sum.cpu(), self._hits.cpu(), self._samples),
            "micro_batch_size": self.micro_batch_size,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.precision.scaler.load_state_dict(state["scaler"])
        self._epoch, self._steps, loss_sum, hits, self._samples = state["sums"]
        self._loss_sum, self._hits = loss_sum.to(self.device), hits.to(self.device)
        self.micro_batch_size = state["micro_batch_size"]


@torch.inference_mode()
def predict_logits(
    network: nn.Module, batches: Iterable[Inputs], device: torch.device, precision: str = AUTO
) -> NDArray[np.float32]:
    """Logits (N, C) of all batches, in their order. Raises OutOfMemory where one sample is too much."""
    network.eval()
    with Precision(precision, device).autocast():
        parts = [_logits(network, inputs) for inputs in batches]
    logits: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return logits


def _logits(network: nn.Module, inputs: Inputs) -> Tensor:
    """A batch that doesn't fit goes through in halves."""
    try:
        logits: Tensor = network(*inputs).float()
        return logits
    except torch.OutOfMemoryError as error:
        if len(inputs[0]) == 1:
            raise OutOfMemory("Not even one sample fits into the memory for an evaluation.") from error
    halves = zip(*(tensor.tensor_split(2) for tensor in inputs), strict=True)
    return torch.cat([_logits(network, half) for half in halves])


def evaluation_of(
    logits: NDArray[np.float32], labels: NDArray[np.int64], loss_function: nn.CrossEntropyLoss
) -> Evaluation:
    """Logits with their mean loss. Raises Diverged where either isn't finite."""
    if not np.isfinite(logits).all():
        raise Diverged("The logits on val aren't finite.")
    device = torch.device("cpu") if loss_function.weight is None else loss_function.weight.device
    loss = loss_function(torch.from_numpy(logits).to(device), torch.from_numpy(labels).to(device)).item()
    if not np.isfinite(loss):
        raise Diverged(f"The loss on val became {loss}.")
    return Evaluation(logits, labels, loss)


def class_weights(labels: NDArray[np.int64], classes: int) -> Tensor:
    """n / (k * n_c) for each class c: (C,) float32. A class without samples counts 1, it can't be learnt anyway."""
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 1.0)
    return torch.from_numpy(weights.astype(np.float32))


def cross_entropy(
    labels: NDArray[np.int64], classes: Sequence[str], *, weighting: str, label_smoothing: float, device: torch.device
) -> nn.CrossEntropyLoss:
    """Cross entropy with `balanced` class weights from the training labels, or plain (`none`)."""
    weight = class_weights(labels, len(classes)).to(device) if weighting == "balanced" else None
    return nn.CrossEntropyLoss(weight=weight, label_smoothing=label_smoothing)
