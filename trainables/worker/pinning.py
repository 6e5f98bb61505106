"""A worker's own cores: trials side by side don't chase each other over the machine's processors.

Which cores are taken is known by lock files in a folder that the user's processes on a machine share: the system takes
a dead worker's locks back.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from trainables.data.locks import FileLock, try_lock

_TURN = 10.0  # seconds to wait for the others to have taken theirs


@dataclass
class _Pinned:
    """The cores that this process keeps to, and the lock files that hold them."""

    cpus: int = 0  # as many as were asked for last; 0: never
    usable: frozenset[int] = frozenset()  # the cores that it might use before it was pinned
    locks: list[FileLock] = field(default_factory=list)


_OWN = _Pinned()


def cores_folder() -> Path:
    """Where this machine's workers of this user note their cores."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"binwise-cores-{user}"


def pin(cpus: int, folder: Path) -> None:
    """Take `cpus` of the machine's usable cores for this process, its threads and the processes that it will start.

    Where too few are free, or the platform pins nothing, it may run on all of them, as before. Asked again for as
    many, it keeps those that it has; where it has none, it tries again.
    """
    if not hasattr(os, "sched_setaffinity") or (_OWN.locks and cpus == _OWN.cpus) or not _is_private(folder):
        return
    if not _OWN.cpus:
        _OWN.usable = frozenset(os.sched_getaffinity(0))
    else:
        unpin()
    _OWN.cpus = cpus
    with _turn(folder):
        taken = _take(cpus, folder)
    if taken:
        _OWN.locks = list(taken.values())
        _set_affinity(frozenset(taken))


def unpin() -> None:
    """Give the cores back, and run on all that could be used before."""
    while _OWN.locks:
        _OWN.locks.pop().release()
    if _OWN.cpus and hasattr(os, "sched_setaffinity"):
        _set_affinity(_OWN.usable)
    _OWN.cpus = 0


def _take(cpus: int, folder: Path) -> dict[int, FileLock]:
    """So many free cores with their locks; none where fewer are free."""
    taken: dict[int, FileLock] = {}
    for core in sorted(_OWN.usable):
        if len(taken) == cpus:
            break
        if (lock := try_lock(folder / str(core), str(os.getpid()))) is not None:
            taken[core] = lock
    if len(taken) == cpus:
        return taken
    for lock in taken.values():
        lock.release()
    return {}


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """One process at a time: two that each took a part would both go without."""
    until = time.monotonic() + _TURN
    while (lock := try_lock(folder / "turn")) is None and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield
    finally:
        if lock is not None:
            lock.release()


def _set_affinity(cores: frozenset[int]) -> None:
    """For every thread that runs already; those to come have their maker's."""
    for thread in os.listdir("/proc/self/task") if os.path.isdir("/proc/self/task") else ["0"]:
        with contextlib.suppress(OSError):  # it has ended by now
            os.sched_setaffinity(int(thread), cores)


def _is_private(folder: Path) -> bool:
    """Whether the folder, made if missing, is this user's own: anyone may write into the one for temporary files."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    return folder.is_dir() and not folder.is_symlink() and status.st_uid == os.getuid() and not status.st_mode & 0o022
