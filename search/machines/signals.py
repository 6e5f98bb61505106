"""SIGINT and SIGTERM for a while in one's own hands."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

set_handler = signal.signal  # the real one, also where `handlers_stay` holds


@contextmanager
def first_signal(told: Callable[[int], None]) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM does no more than call `told` with its number.

    A second one does what it did before the block, whose handlers are put back at its end, whoever set others
    meanwhile. In another thread than the main one, where Python lets nobody set handlers, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    now = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in now.items() if handler is not None}

    def once(number: int, _: FrameType | None) -> None:
        told(number)
        set_handler(number, before[number])

    for number in before:
        set_handler(number, once)
    try:
        yield
    finally:
        for number, handler in before.items():
            set_handler(number, handler)


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
