"""The signals that ask a process to end: for a while in one's own hands."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

set_handler = signal.signal  # the real one, also where `handlers_stay` holds
# Ctrl-C; what batch systems, containers and `kill` send; a terminal that is closed; SLURM's `--signal=B:USR1@120`.
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
_MAY_BE_IGNORED = (signal.SIGHUP, signal.SIGUSR1)  # by `nohup`, say: they stay so


@contextmanager
def first_signal(told: Callable[[int], None]) -> Iterator[None]:
    """Within the block the first of the signals that ask for an end does no more than call `told` with its number.

    A second one does what it did before the block, whose handlers are put back at its end, whoever set others
    meanwhile. In another thread than the main one, where Python lets nobody set handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: handler for number in heard() if (handler := signal.getsignal(number)) is not None}

    def once(number: int, _: FrameType | None) -> None:
        leave_terminal(number)
        told(number)
        for each, handler in before.items():
            set_handler(each, handler)

    for number in before:
        set_handler(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            set_handler(number, handler)


def heard() -> list[int]:
    """The numbers of those signals that ask for an end and that nobody has this process ignore."""
    ignored = [number for number in _MAY_BE_IGNORED if signal.getsignal(number) is signal.SIG_IGN]
    return [int(number) for number in ENDS if number not in ignored]


def leave_terminal(number: int) -> None:
    """After SIGHUP the terminal is gone: what is still said goes nowhere, where it would raise an error."""
    if number != signal.SIGHUP:
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and stream.isatty():
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def handlers_stay(kept: signal.Signals) -> Iterator[None]:
    """Within the block a library that sets a handler for this signal changes nothing."""

    def unless_kept(signalnum: int, handler: Any) -> Any:
        return signal.getsignal(signalnum) if signalnum == kept else set_handler(signalnum, handler)

    before, signal.signal = signal.signal, unless_kept
    try:
        yield
    finally:
        signal.signal = before
