"""Steps over batches, the same for every modality: forward, backward, update; and evaluation.

Nothing in a step waits for the device: losses and hits are summed where they are computed and read once an epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from trainables.loop import Diverged, Evaluation, TrainSummary

Batch = tuple[tuple[Tensor, ...], Tensor]  # (what the network takes, labels)


def pick_device() -> torch.device:
    """The GPU that this process was given, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 on a GPU that computes it, float32 elsewhere."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def batch_rows(order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Rows of an epoch's order by batch. A last batch of one is left out: BatchNorm can't learn from one sample."""
    for rows in torch.split(order, batch_size):
        if len(rows) > 1 or len(order) == 1:
            yield rows


def count_batches(samples: int, batch_size: int) -> int:
    """How many batches `batch_rows` makes of that many samples."""
    whole, rest = divmod(samples, batch_size)
    return whole + (1 if rest > 1 or samples == 1 else 0)


def train_steps(
    network: nn.Module,
    batches: Iterable[Batch],
    *,
    optimizer: torch.optim.Optimizer,
    loss_function: nn.Module,
    device: torch.device,
    gradient_clip: float | None = None,
    after_step: Callable[[], None] | None = None,
) -> TrainSummary:
    """One step a batch. Raises Diverged where the summed loss isn't finite."""
    network.train()
    loss_sum = torch.zeros((), device=device)
    hits = torch.zeros((), device=device, dtype=torch.long)
    samples = 0
    for inputs, labels in batches:
        with autocast(device):
            logits = network(*inputs)
            loss = loss_function(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if gradient_clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), gradient_clip)
        optimizer.step()
        if after_step is not None:
            after_step()
        loss_sum += loss.detach() * len(labels)
        hits += (logits.detach().argmax(dim=1) == labels).sum()
        samples += len(labels)
    mean_loss = loss_sum.item() / samples
    if not np.isfinite(mean_loss):
        raise Diverged(f"The training loss became {mean_loss}.")
    fastest = max(group["lr"] for group in optimizer.param_groups)
    return TrainSummary(mean_loss, hits.item() / samples, samples, float(fastest))


@torch.inference_mode()
def predict_logits(
    network: nn.Module, batches: Iterable[tuple[Tensor, ...]], device: torch.device
) -> NDArray[np.float32]:
    """Logits (N, C) of all batches, in their order."""
    network.eval()
    parts: list[Tensor] = []
    for inputs in batches:
        with autocast(device):
            parts.append(network(*inputs).float())
    logits: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return logits


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
