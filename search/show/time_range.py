"""What is said of the time that lies ahead: from when to when, and what of this machine others use."""

from __future__ import annotations

from collections.abc import Mapping

from search.show.load import Load
from trainables.words import human_range

FASTER, SLOWER = 0.7, 1.5  # how far an estimate may be off


def time_range(seconds: float) -> tuple[float, float]:
    """From when to when a search ends whose steps take so long, on a machine as busy as it was when they were tried.

    Shorter where `patience` and the scheduler end more than the expected epochs, longer by starting, decoding,
    checkpoints and steps of slower points: rough factors, no interval of a known coverage.
    """
    return FASTER * seconds, SLOWER * seconds


def time_line(seconds: Mapping[str, float], load: Load) -> str:
    """The estimated time in words, from each modality's: they share the machines, so that their times add up.

    `load`: of the machine, with nothing of the study running: where others use it, that is said.
    """
    each = ", ".join(f"{name} {_range_words(own)}" for name, own in seconds.items())
    busy = load.note()
    longer = f"; {busy}, so it may take longer" if busy else ""
    return f"Time: {_range_words(sum(seconds.values()))} ({each}) by the steps that were tried{longer}"


def _range_words(seconds: float) -> str:
    return human_range(*time_range(seconds))
