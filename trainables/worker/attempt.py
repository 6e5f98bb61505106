"""One run of a trial in a worker: it has the trial's folder to itself, and is told to stop by a file that appears."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from trainables.data.locks import FileLock, try_lock
from trainables.records import EpochResult

LOCK_FILE = ".lock"
PATIENCE = 60.0  # seconds that a worker waits for the one before to be gone
POLL = 0.2  # seconds between two tries
LOOK_EVERY = 1.0  # seconds between two looks for the stop file, which may lie on a network's disk


class Stopped(Exception):
    """The trial was asked to stop, and its state is saved."""


class StopFile:
    """A file that tells trials to stop while it exists."""

    def __init__(self, path: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock = path, clock
        self._looked: float | None = None

    def seen(self) -> bool:
        """Whether it exists. Looks at most once a second and says False in between."""
        now = self._clock()
        if self._path is None or (self._looked is not None and now - self._looked < LOOK_EVERY):
            return False
        self._looked = now
        return os.path.exists(self._path)


def worker_name() -> str:
    """Host and process, as every report says it."""
    return f"{socket.gethostname()} {os.getpid()}"


def lock_trial(folder: Path, patience: float = PATIENCE) -> FileLock:
    """Take a trial's folder (made if missing) for this process alone.

    A killed study's worker may live on for some seconds: it is waited for. RuntimeError where it stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path, until = folder / LOCK_FILE, time.monotonic() + patience
    while (lock := try_lock(path, worker_name())) is None:
        if time.monotonic() >= until:
            holder = path.read_text("utf-8", errors="replace").strip() or "unknown"
            raise RuntimeError(
                f"A trial must have one worker, but {folder} is still in use by another process (host and pid: "
                f"{holder}) after {patience:g} s: end that one, then resume the study."
            )
        time.sleep(POLL)
    return lock


def untold(results: Sequence[EpochResult], recorded: int, *, over: bool) -> Iterator[EpochResult]:
    """What a resumed trial reports before it trains: the epochs that aren't on record, in their order.

    `over`: nothing is left to train. Then the last epoch is told in any case, since its report ends the trial.
    """
    last = results[-1].epoch if over and results else None
    return (result for result in results if result.epoch > recorded or result.epoch == last)
