"""Word of what takes a while: at its begin, and again every few seconds for as long as it lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from search.show.console import console
from search.show.say import say as say_line

EVERY = 8.0  # seconds between two lines


@contextmanager
def working(what: str) -> Iterator[None]:
    """In a terminal a spinner beside `what` is done; elsewhere lines."""
    place = console()
    with place.status(what) if place.is_terminal else at_work(what, say_line):
        yield


@contextmanager
def at_work(what: str, say: Callable[[str], None], every: float = EVERY) -> Iterator[None]:
    """Say `what` is done, and how long it has taken so far every `every` seconds until the block ends."""
    ended = threading.Event()

    def tell() -> None:
        told = 0.0
        while not ended.wait(every):
            told += every
            say(f"  {told:.0f} s so far")

    say(what)
    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
