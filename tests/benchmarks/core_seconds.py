"""CPU seconds of a command and of all processes that it starts, over time: where others use the machine, too, wall time
says little.

Linux only: /proc is read a few times a second. Processes that lose their parent (Ray's workers do) become this
process's, so that none is lost; one that lives between two looks alone is counted where its parent waited for it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.5  # seconds between two looks
LINGERING = 60.0  # seconds that what it started may outlive the command
PR_SET_CHILD_SUBREAPER = 36  # <sys/prctl.h>

Key = tuple[int, int]  # process id, and when it started: ids are used again


@dataclass(frozen=True)
class Seen:
    """A process as it was last seen: CPU seconds of its own, and of children that it waited for."""

    parent: int
    own: float
    waited: float


@dataclass(frozen=True)
class Metered:
    """What a command took: when it was looked at (seconds since 1970), and the CPU seconds until then."""

    code: int
    times: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        """CPU seconds of all of it."""
        return self.seconds[-1] if self.seconds else 0.0

    def until(self, at: float) -> float:
        """CPU seconds used by then, between two looks in proportion."""
        place = bisect_left(self.times, at)
        if place == 0 or place == len(self.times):
            return 0.0 if place == 0 else self.total
        before, after = self.times[place - 1], self.times[place]
        share = (at - before) / (after - before)
        return self.seconds[place - 1] + share * (self.seconds[place] - self.seconds[place - 1])


def parsed(stat: str) -> tuple[int, Key, Seen]:
    """A line of /proc/PID/stat: parent, key, what is seen. The name in brackets may hold spaces and brackets."""
    number, rest = int(stat.split(" ", 1)[0]), stat.rpartition(")")[2].split()
    parent, (own_user, own_system, waited_user, waited_system) = int(rest[1]), map(int, rest[11:15])
    own, waited = (own_user + own_system) / TICKS, (waited_user + waited_system) / TICKS
    return parent, (number, int(rest[19])), Seen(parent, own, waited)


def total(seen: Mapping[Key, Seen], alive: set[Key]) -> float:
    """CPU seconds of all processes seen so far, and of those that only their parents knew."""
    missed = {key: one.waited for key, one in seen.items()}
    by_number = {key[0]: key for key in seen}
    for key, one in seen.items():
        parent = by_number.get(one.parent)
        if key not in alive and parent is not None:
            missed[parent] -= one.own + one.waited
    return sum(one.own for one in seen.values()) + sum(max(0.0, left) for left in missed.values())


def look(root: int, seen: dict[Key, Seen]) -> set[Key]:
    """Note all processes that descend from `root`, itself not counted; which there are."""
    every = dict[int, tuple[int, Key, Seen]]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                every[int(entry.name)] = parsed((entry / "stat").read_text("utf-8", errors="replace"))
            except (OSError, ValueError, IndexError):  # it has just ended
                continue
    ours = {root}
    found: set[Key] = set()
    grew = True
    while grew:
        grew = False
        for number, (parent, key, one) in every.items():
            if number not in ours and parent in ours:
                ours.add(number)
                found.add(key)
                seen[key] = one  # with its parent of now, which is who waits for it
                grew = True
    return found


def metered(command: Sequence[str], log: IO[Any], *, env: Mapping[str, str] | None = None) -> Metered:
    """Run a command to its end, and until all that it started has ended, `LINGERING` longer at most."""
    if not sys.platform.startswith("linux"):
        sys.exit("CPU seconds of all processes are read from /proc, which only Linux has.")
    with _reaper():
        return _metered(command, log, env)


@contextmanager
def _reaper() -> Iterator[None]:
    """Processes that lose their parent become this one's; no longer than it takes.

    A worker of Ray's whose parent is not the first process doesn't notice that its machine's Ray has died.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _metered(command: Sequence[str], log: IO[Any], env: Mapping[str, str] | None) -> Metered:
    seen: dict[Key, Seen] = {}
    times, seconds = [time.time()], [0.0]
    others = look(os.getpid(), {})  # what runs already isn't the command's
    here, before = (os.getpid(), 0), _waited()
    process = subprocess.Popen(command, stdout=log, stderr=log, env=env)
    ended: float | None = None
    while True:
        alive = look(os.getpid(), seen) - others
        for key in others & set(seen):
            del seen[key]
        seen[here] = Seen(0, 0.0, _waited() - before)  # before the ended ones, still seen here, are waited for
        times.append(time.time())
        seconds.append(max(seconds[-1], total(seen, {*alive, here})))
        _reap(process.pid, alive)
        code = process.poll()
        if code is not None:
            ended = ended or time.monotonic()
            if not alive or time.monotonic() - ended > LINGERING:
                return Metered(code, times, seconds)
        time.sleep(EVERY)


def _waited() -> float:
    """CPU seconds of the processes that this one waited for, and of those that they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _reap(main: int, alive: set[Key]) -> None:
    """Orphans that became ours and have ended: each by its id, so that the command itself keeps its exit code."""
    for number, _ in alive:
        if number != main:
            try:
                os.waitpid(number, os.WNOHANG)
            except ChildProcessError:  # another one's
                continue
