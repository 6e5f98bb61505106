"""Giving memory back between two trials."""

from __future__ import annotations

import gc
import weakref

import numpy as np

from trainables.memory import peak_resident_bytes, release_memory, reset_peak, resident_bytes


def rss_mebibytes() -> float:
    """What this process has in memory."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4096 / 2**20


class Ring:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


def test_what_a_trial_left_is_collected() -> None:
    """Rings of references go, too."""
    gc.disable()
    try:
        gone = weakref.ref(Ring())
        assert gone() is not None
        release_memory()
        assert gone() is None
    finally:
        gc.enable()


def test_freed_memory_is_handed_back_to_the_system() -> None:
    """Many small blocks with one in use above them: glibc alone would keep them all."""
    release_memory()
    blocks = [np.ones(10_000, dtype=np.uint8) for _ in range(20_000)]
    last = np.ones(10_000, dtype=np.uint8)
    full = rss_mebibytes()
    blocks.clear()
    release_memory()
    assert full - rss_mebibytes() > 100
    assert last.sum() == 10_000


def test_the_peak_counts_from_its_reset() -> None:
    """Memory that came and went shows in the peak, and no longer once the peak is reset."""
    reset_peak()
    before = resident_bytes()
    taken = np.ones(30_000_000)
    size = taken.nbytes
    del taken
    assert peak_resident_bytes() - before > 0.9 * size
    reset_peak()
    assert peak_resident_bytes() - before < 0.5 * size
