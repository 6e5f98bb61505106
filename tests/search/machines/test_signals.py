"""SIGINT and SIGTERM for a while in one's own hands: told once, never lost to a library, and given back."""

from __future__ import annotations

import signal
from types import FrameType

from search.machines.signals import first_signal, handlers_stay


def _another(number: int, _: FrameType | None) -> None:
    raise SystemExit(number)


def test_a_handler_that_a_library_sets_meanwhile_loses_no_signal() -> None:
    """Ray sets one that raises where it starts, within callbacks, too, that swallow what is raised."""
    told: list[int] = []
    before = signal.getsignal(signal.SIGTERM)
    with first_signal(told.append), handlers_stay(signal.SIGTERM):
        signal.signal(signal.SIGTERM, _another)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is before, "a second one does what it did before"
    assert told == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.signal(signal.SIGUSR2, signal.SIG_DFL) is signal.SIG_IGN, "other signals' handlers change"


def test_afterwards_a_library_may_set_handlers_again() -> None:
    """Nothing stays patched."""
    before = signal.getsignal(signal.SIGTERM)
    with handlers_stay(signal.SIGTERM):
        pass
    signal.signal(signal.SIGTERM, _another)
    assert signal.signal(signal.SIGTERM, before) is _another
