"""Learning-rate schedules by name, each either by step or by val loss, with states that can be saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR, ReduceLROnPlateau

PLATEAU = "plateau"
ONE_CYCLE = "one_cycle"
LINEAR = "linear"
COSINE = "cosine"
CONSTANT = "constant"


class Schedule:
    """A learning-rate schedule: `after_step` and `after_epoch` do what the named schedule does at these times."""

    def __init__(
        self,
        name: str,
        optimizer: Optimizer,
        *,
        total_steps: int,
        warmup_share: float = 0.1,
        plateau_factor: float = 0.5,
        plateau_patience: int = 5,
        minimum_learning_rate: float = 0.0,
    ) -> None:
        self._plateau: ReduceLROnPlateau | None = None
        self._by_step: LambdaLR | OneCycleLR | None = None
        self._left = total_steps
        if name == PLATEAU:
            self._plateau = ReduceLROnPlateau(
                optimizer, factor=plateau_factor, patience=plateau_patience, min_lr=minimum_learning_rate
            )
        elif name == ONE_CYCLE:
            peaks = [group["lr"] for group in optimizer.param_groups]
            self._by_step = OneCycleLR(optimizer, max_lr=peaks, total_steps=total_steps + 1)
        elif name in DECAYS:
            decay, warmup = DECAYS[name], round(total_steps * warmup_share)
            self._by_step = LambdaLR(optimizer, lambda step: warmed_factor(step, total_steps, warmup, decay))
        elif name != CONSTANT:
            known = (PLATEAU, ONE_CYCLE, *DECAYS, CONSTANT)
            raise ValueError(f"`schedule` must be one of {known}, but got {name!r}.")

    def after_step(self) -> None:
        """Move a schedule that goes by steps; at its end it stays where it is."""
        if self._by_step is not None and self._left > 0:
            self._left -= 1
            self._by_step.step()

    def after_epoch(self, val_loss: float) -> None:
        """Move a schedule that goes by val loss."""
        if self._plateau is not None:
            self._plateau.step(val_loss)

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands."""
        inner = self._plateau or self._by_step
        if inner is None:
            return {"left": self._left}
        state = {key: value for key, value in inner.state_dict().items() if key != "lr_lambdas"}
        return {"left": self._left, "inner": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave."""
        self._left = state["left"]
        inner = self._plateau or self._by_step
        if inner is not None:
            extra = {"lr_lambdas": [None]} if isinstance(inner, LambdaLR) else {}
            inner.load_state_dict({**state["inner"], **extra})


def warmed_factor(step: int, total_steps: int, warmup: int, decay: Callable[[float], float]) -> float:
    """Of the peak rate: straight up from 0 to 1 over `warmup` steps, then by `decay` down to 0 at `total_steps`."""
    if step >= total_steps:
        return 0.0
    return step / warmup if step < warmup else decay((step - warmup) / (total_steps - warmup))


# Share of the way down (0 to 1) -> of the peak rate.
DECAYS: dict[str, Callable[[float], float]] = {
    LINEAR: lambda way: 1 - way,
    COSINE: lambda way: (1 + math.cos(math.pi * way)) / 2,
}
