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

from filelock import FileLock, Timeout

from search.layout import Layout
from trainables.data.files import replace_file
from trainables.records import UserError


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
    lock = _lock(layout)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = _named(layout)
        raise UserError(
            f"One process at a time may run a study, but {layout.name!r} is run by {holder or 'another one'}: wait for "
            f"it, watch it with `binwise status {layout.name}`, or stop it with `binwise stop {layout.name}`."
        ) from None
    try:
        replace_file(
            _holder_file(layout), json.dumps(asdict(Holder(socket.gethostname(), os.getpid(), time.time()))).encode()
        )
        yield
    finally:
        _holder_file(layout).unlink(missing_ok=True)
        lock.release()


def holder_of(layout: Layout) -> Holder | None:
    """Who runs the study now; None where nobody does."""
    if not _lock_file(layout).exists():
        return None
    lock = _lock(layout)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _named(layout) or Holder("another process", 0, time.time())
    lock.release()
    return None


def _named(layout: Layout) -> Holder | None:
    try:
        return Holder(**json.loads(_holder_file(layout).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock(layout: Layout) -> FileLock:
    _lock_file(layout).parent.mkdir(parents=True, exist_ok=True)
    # Beside the study's folder, which may not exist yet or may be removed by --replace.
    return FileLock(_lock_file(layout), is_singleton=False)


def _lock_file(layout: Layout) -> Path:
    return layout.folder.with_name(f".{layout.name}.lock")


def _holder_file(layout: Layout) -> Path:
    return layout.folder.with_name(f".{layout.name}.holder.json")
