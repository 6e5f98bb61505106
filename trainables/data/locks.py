"""A file's exclusive lock, which the system takes back when its process ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # of some network file systems


@dataclass
class FileLock:
    """A lock that is held until it is released."""

    descriptor: int | None

    def release(self) -> None:
        """Let others have it; a second time does nothing."""
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None


def try_lock(path: Path, text: str = "") -> FileLock | None:
    """Lock the file (made if missing) and write who has it; None where another has it.

    Where the platform or the file system knows no locks, everyone gets one.
    """
    if fcntl is None:
        return FileLock(None)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        if error.errno in _UNSUPPORTED:
            return FileLock(None)
        raise
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its holder's name
        os.ftruncate(descriptor, 0)
        os.write(descriptor, text.encode())
    return FileLock(descriptor)
