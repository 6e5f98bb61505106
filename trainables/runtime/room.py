"""Memory for large pictures: what all processes and threads of this user decode at a time is bounded by its pixels.

A picture of 50 million pixels takes a gigabyte while it is decoded; as many of them as a machine has cores would take
all that it has. Small pictures, and JPEGs that are decoded small, wait for nobody.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows: each process for itself
    fcntl = None  # type: ignore[assignment]

LARGE: Final = 4_000_000  # pixels from which on a picture is one that waits for room; these are a slot, too
BYTES_A_PIXEL: Final = 20  # that decoding takes at most, measured over all formats
SHARE: Final = 0.25  # of the memory that large pictures may take together
MOST_SLOTS: Final = 1000
PATIENCE: Final = 60.0  # seconds until one goes on all the same: whoever holds the room may have been stopped
_TURN: Final = MOST_SLOTS  # the byte whose holder takes slots; each other byte of the file is a slot


class Room:
    """So many slots of LARGE pixels, shared over a file by all processes that name it."""

    def __init__(self, file: Path, slots: int) -> None:
        """`file` is made if missing. Where it can't be one's own, the slots are this process's alone."""
        self._slots = slots
        self._file = _open_own(file)
        self._mine: set[int] = set()
        self._turn, self._lock = threading.Lock(), threading.Lock()

    @contextlib.contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Within the block there is room for a picture of so many pixels; one that is larger than all has all."""
        if pixels < LARGE:
            yield
            return
        taken = self._take(min(self._slots, -(-pixels // LARGE)))
        try:
            yield
        finally:
            self._give(taken)

    def _take(self, count: int) -> list[int]:
        """One taker at a time: two that have half of what they need would wait for each other."""
        taken: list[int] = []
        until = time.monotonic() + PATIENCE
        with self._turn:
            while not self._try(_TURN) and time.monotonic() < until:
                time.sleep(0.005)
            try:
                while len(taken := taken + self._free(count - len(taken))) < count and time.monotonic() < until:
                    time.sleep(0.005)
            finally:
                self._release(_TURN)
        return taken

    def _free(self, count: int) -> list[int]:
        found: list[int] = []
        with self._lock:
            for slot in range(self._slots):
                if len(found) < count and slot not in self._mine and self._try(slot):
                    found.append(slot)
                    self._mine.add(slot)
        return found

    def _give(self, slots: list[int]) -> None:
        with self._lock:
            for slot in slots:
                self._release(slot)
                self._mine.discard(slot)

    def _try(self, place: int) -> bool:
        """Lock a byte, which is the process's and not a thread's; the kernel takes it back where the process ends."""
        if self._file is None:
            return True
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            return not isinstance(error, (BlockingIOError, PermissionError))  # else there are no locks here
        return True

    def _release(self, place: int) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


@cache
def machine_room() -> Room:
    """This user's on this machine; never closed: a process's locks go with the first handle that it closes."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Room(Path(tempfile.gettempdir()) / f"binwise-decoding-{user}", slots_of(memory_bytes()))


def slots_of(memory: int) -> int:
    """How many slots so many bytes of memory have, one at least."""
    return max(1, min(MOST_SLOTS, int(SHARE * memory / (BYTES_A_PIXEL * LARGE))))


def memory_bytes() -> int:
    """What this process may use: the machine's memory, or less where a container bounds it."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        found = 8 * 2**30
    for bound in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            found = min(found, int(Path(bound).read_text("ascii")))
    return found


def _open_own(file: Path) -> int | None:
    """A handle of the file; None where it is another user's, who could hold its locks for ever, or can't be made."""
    if fcntl is None:
        return None
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    status = os.fstat(handle)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
        return handle
    os.close(handle)
    return None
