"""Signals for a while in one's own hands: told once, never lost to a library, and given back."""

from __future__ import annotations

import signal
from types import FrameType

import pytest

from search.machines.signals import ENDS, first_signal, handlers_stay, heard


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


@pytest.mark.parametrize("number", ENDS)
def test_each_signal_that_asks_for_an_end_is_told_once(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM, a terminal's end and SLURM's warning; after one of them any does what it did before."""
    told: list[int] = []
    before = {one: signal.getsignal(one) for one in ENDS}
    with first_signal(told.append):
        signal.raise_signal(number)
        assert {one: signal.getsignal(one) for one in ENDS} == before
    assert told == [number]


def test_what_is_ignored_stays_so() -> None:
    """`nohup` has SIGHUP ignored."""
    told: list[int] = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in heard()
        with first_signal(told.append):
            signal.raise_signal(signal.SIGHUP)
        assert told == []
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
