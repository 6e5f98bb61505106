"""How much a server takes: so many requests at once and on average, so many bytes each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_BYTES = 28_000_000  # of a request: a picture of 20 MB as base64, and its text
A_SECOND = 10.0  # requests on average
AT_ONCE = 20  # requests in a burst


@dataclass
class Rate:
    """A bucket of tokens: each request takes one, and so many come back each second."""

    a_second: float = A_SECOND
    at_once: float = AT_ONCE
    clock: Callable[[], float] = time.monotonic
    left: float = field(init=False)
    seen: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.seen = self.at_once, self.clock()

    def wait(self) -> float:
        """Take a token: 0. Where there is none: the seconds until there is one."""
        now = self.clock()
        self.left = min(self.at_once, self.left + (now - self.seen) * self.a_second)
        self.seen = now
        if self.left < 1:
            return (1 - self.left) / self.a_second
        self.left -= 1
        return 0.0
