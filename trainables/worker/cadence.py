"""When a trial's state is worth saving: as often as was asked for, or as its cost allows."""

from __future__ import annotations

import time
from collections.abc import Callable

AUTO = "auto"
AUTO_SECONDS = 60.0  # `auto`: at least this long between two saves
COST_SHARE = 0.05  # `auto`: saving takes at most this share of the time


class Cadence:
    """Says when the next save is due."""

    def __init__(self, every: int | str, clock: Callable[[], float] = time.monotonic) -> None:
        """`every`: a number of epochs, seconds such as "60s", or "auto"."""
        self._epochs = every if isinstance(every, int) else None
        self._auto = every == AUTO
        self._seconds = float(every.removesuffix("s")) if isinstance(every, str) and every != AUTO else AUTO_SECONDS
        self._clock = clock
        self._saved = clock()

    def due(self, ended_epoch: int | None = None) -> bool:
        """Whether to save now: after a step, or where `ended_epoch` is given after that epoch."""
        if self._epochs is not None:
            return ended_epoch is not None and ended_epoch % self._epochs == 0
        return self._clock() - self._saved >= self._seconds

    def saved(self, cost: float) -> None:
        """A save ended just now that took so many seconds."""
        self._saved = self._clock()
        if self._auto:
            self._seconds = max(AUTO_SECONDS, cost / COST_SHARE)
