"""The trial of the overhead benchmark: imports torch as every trial does, then reports a few epochs of milliseconds."""

from __future__ import annotations

import math
import time
from typing import Any

from ray import tune

from trainables.names import STOP_REASON, WORKER
from trainables.records import EpochResult, StopReason
from trainables.worker.raw_trial import HYPERPARAMETERS, RECORDED

EPOCHS = 9
WORK_SECONDS = 0.003
LOW, HIGH = 1e-5, 1e-1
RATE = "backbone_learning_rate"


def accuracy(rate: float, epoch: int) -> float:
    """Better near a rate of 0.003, and with every epoch."""
    return 0.9 - 0.1 * abs(math.log10(rate / 3e-3)) - 0.3 / (epoch + 1)


class Milliseconds(tune.Trainable):
    """The same for both: what it is given is read from the raw dict as each glue has it."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin at the first epoch."""
        import torch

        torch.set_num_threads(1)
        self._rate = float(config.get(HYPERPARAMETERS, config)[RATE])
        self._epoch = int(config.get(RECORDED, 0))
        self._ours = HYPERPARAMETERS in config

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin anew."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One epoch."""
        time.sleep(WORK_SECONDS)
        self._epoch += 1
        value = accuracy(self._rate, self._epoch)
        report: dict[str, Any] = EpochResult(
            self._epoch, 0.5, value, 0.5, value, value, self._rate, WORK_SECONDS, 1000.0, value, self._epoch
        ).as_metrics()
        if self._epoch < EPOCHS:
            return report
        return {
            **report,
            "done": True,
            **({STOP_REASON: StopReason.COMPLETED.value, WORKER: "here"} if self._ours else {}),
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing is kept."""

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing was kept."""
