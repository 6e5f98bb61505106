"""A trial that is on record, trained again: the same raw dict, without Ray, to the epoch that counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from trainables.checkpoint import drop_states
from trainables.errors import UserError
from trainables.names import DETAIL, STOP_REASON
from trainables.records import EpochResult, StopReason
from trainables.worker.raw_trial import CPUS
from trainables.worker.runner import AttemptRunner, forget


@dataclass(frozen=True)
class Again:
    """What training again gave, to the epoch that was asked for."""

    epochs: tuple[EpochResult, ...]
    val_logits: NDArray[np.float32]  # (N, C), of the last of them
    device: str  # a GPU's name, or `cpu`


def train_again(raw: dict[str, Any], epoch: int, after_epoch: Callable[[int, int], None] | None = None) -> Again:
    """Train a trial's raw dict in its folder from the first to this epoch; `after_epoch` is told each, and of how many.

    BLAS gets as many threads as Ray gives a worker: with others, sums are rounded otherwise. RuntimeError where another
    process keeps the folder; UserError where the trial ends before the epoch, because its loss isn't finite, say.
    """
    with threadpool_limits(max(int(raw[CPUS]), 1)):
        runner = AttemptRunner(raw)
        try:
            for number in range(1, epoch + 1):
                report = runner.step()
                _refuse_early_end(report, number, epoch)
                if after_epoch is not None:
                    after_epoch(number, epoch)
            return Again(runner.history, runner.val_logits, _device())
        finally:
            runner.release()
            drop_states(runner.folder)
            forget()


def _refuse_early_end(report: dict[str, Any], number: int, epoch: int) -> None:
    reason = report.get(STOP_REASON)
    if reason is None or (reason == StopReason.COMPLETED.value and number == epoch):
        return
    raise UserError(
        f"A trial must get to epoch {epoch} again, but it ended in epoch {report['epoch']}: {reason}"
        f"{': ' + report[DETAIL] if report.get(DETAIL) else ''}."
    )


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
