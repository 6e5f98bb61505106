"""Tells a loss that isn't finite at its step, without making the CPU wait for a GPU."""

from __future__ import annotations

import math
from collections import deque

import torch
from torch import Tensor

from trainables.learning.loop import Diverged

BEHIND = 64  # losses that may be on their way from the device; then the oldest one is waited for


class LossWatch:
    """Looks at each step's loss. On a CPU at once; on a GPU as soon as the number has arrived, a few steps later."""

    def __init__(self, device: torch.device) -> None:
        self._at_once = device.type != "cuda"
        self._coming: deque[tuple[str, Tensor, torch.cuda.Event]] = deque()

    def look(self, loss: Tensor, step: str) -> None:
        """Take one more step's loss. Raises Diverged, naming the step, where this or an earlier one isn't finite."""
        if self._at_once:
            _check(loss.item(), step)
            return
        there = torch.empty((), dtype=loss.dtype, pin_memory=True)
        there.copy_(loss, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._coming.append((step, there, event))
        while self._coming and (self._arrived() or len(self._coming) > BEHIND):
            self._read_oldest()

    def wait(self) -> None:
        """Look at all losses that are still on their way."""
        while self._coming:
            self._read_oldest()

    def _arrived(self) -> bool:
        return bool(self._coming[0][2].query())  # type: ignore[no-untyped-call]

    def _read_oldest(self) -> None:
        step, there, event = self._coming.popleft()
        event.synchronize()
        _check(there.item(), step)


def _check(loss: float, step: str) -> None:
    if not math.isfinite(loss):
        raise Diverged(f"The training loss became {loss} in {step}.")
