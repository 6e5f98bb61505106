"""The time that a session used: by a clock that nobody sets, and that stands still while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

TOLERANCE = 0.5  # seconds by which the calendar's clock may differ from the session's before that is written down


class Moment(NamedTuple):
    """One moment by three clocks, seconds."""

    wall: float  # since 1970: it may be set, back and forward
    steady: float  # of which nobody knows since when: it goes on while the machine is awake
    boot: float  # the same, and while the machine sleeps


Clock = Callable[[], "float | Moment"]  # a number is the same by all three clocks


def moment_now() -> Moment:
    """By this machine's clocks. Where none counts what it slept, it slept for no time."""
    steady = time.monotonic()
    boot = time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else steady
    return Moment(time.time(), steady, boot)


class SessionClock:
    """The calendar's clock, and from a session's beginning on the session's own."""

    def __init__(self, clock: Clock = moment_now) -> None:
        self._clock = clock
        self._began: tuple[float, Moment] | None = None  # the session's first event's time, and when that was
        self._used = 0.0

    def begin(self, last_at: float) -> float:
        """A session begins: the time of its first event, which isn't before the record's last one."""
        moment = self._read()
        at = max(moment.wall, last_at)
        self._began, self._used = (at, moment), 0.0
        return at

    def read(self, last_at: float) -> tuple[float, float | None, float]:
        """An event's time; the seconds that the session used where that doesn't follow from it; those it slept.

        The time isn't before the record's last one, nor before what the session used.
        """
        moment = self._read()
        if self._began is None:
            return max(moment.wall, last_at), None, 0.0
        began, first = self._began
        self._used = max(self._used, moment.steady - first.steady)
        at = max(moment.wall, last_at, began + self._used)
        asleep = max(0.0, moment.boot - first.boot - self._used)
        if at - began - self._used <= TOLERANCE:
            return at, None, 0.0
        return at, round(self._used, 3), round(asleep, 3) if asleep > TOLERANCE else 0.0

    def lived(self) -> float | None:
        """Now, by the session's own clock, as its events' times are in the state; None before there is a session."""
        if self._began is None:
            return None
        began, first = self._began
        self._used = max(self._used, self._read().steady - first.steady)
        return began + self._used

    def _read(self) -> Moment:
        found = self._clock()
        return found if isinstance(found, Moment) else Moment(found, found, found)
