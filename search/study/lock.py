"""One driver a study: a lock that ends with its process, and who holds it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from search.study.folder import Layout
from trainables.data.locks import FileLock, try_lock
from trainables.errors import UserError

PATIENCE = 0.5  # seconds
LOCKS = "locks"  # a folder of the runs


@dataclass(frozen=True)
class Holder:
    """The process that runs a study."""

    host: str
    pid: int
    since: float  # seconds since 1970

    def __str__(self) -> str:
        return (
            f"process {self.pid} on {self.host}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(self.since))}"
        )


@contextmanager
def study_lock(layout: Layout) -> Iterator[None]:
    """Hold the study within the block. UserError that names the holder where another process has it."""
    path = _lock_file(layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    own = Holder(socket.gethostname(), os.getpid(), time.time())
    lock = _patiently(path, json.dumps(asdict(own)))
    if lock is None:
        raise UserError(
            f"One process at a time may run a study, but {layout.name!r} is run by {_named(path)}: wait for it, watch "
            f"it with `binwise status {layout.name}`, or stop it with `binwise stop {layout.name}`."
        )
    try:
        yield
    finally:
        lock.release()


def _patiently(path: Path, text: str) -> FileLock | None:
    """Whoever asks for the holder has the lock for a moment: that isn't another driver."""
    deadline = time.monotonic() + PATIENCE
    while (lock := try_lock(path, text)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return lock


def holder_of(layout: Layout) -> Holder | None:
    """Who runs the study now; None where nobody does."""
    path = _lock_file(layout)
    if not path.exists():
        return None
    text = _named(path)  # before the lock is tried, which empties the file
    lock = try_lock(path)
    if lock is None:
        return text
    lock.release()
    return None


def running_studies(runs: Path) -> list[str]:
    """The names of the studies under `runs` that a process runs now."""
    names = sorted(path.stem for path in (runs / LOCKS).glob("*.lock"))
    return [name for name in names if holder_of(Layout(runs, name)) is not None]


def _named(path: Path) -> Holder:
    """The holder that wrote the file last; an unknown one where it can't be read."""
    try:
        return Holder(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Holder("an unknown machine", 0, path.stat().st_mtime)


def _lock_file(layout: Layout) -> Path:
    """Not in the study's folder, which may not be there yet or may be removed by --replace."""
    return layout.runs / LOCKS / f"{layout.name}.lock"
