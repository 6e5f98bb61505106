"""How busy this machine is with others' work: what makes every estimate of time too short."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BUSY = 0.5  # of the cores that others' processes want: from there on it is said
STOLEN = 0.1  # of the time that the host of a virtual machine gives to others


@dataclass(frozen=True)
class Load:
    """What a machine's cores are wanted for."""

    cores: int
    wanted: float  # processes that run or wait for a core, over the last minute
    stolen: float = 0.0  # share (0 to 1) of the cores' time since the start that a virtual machine didn't get

    def note(self, own: int = 0) -> str | None:
        """`this machine is busy: 2 cores, load 6.1`; None where it is quiet. `own`: cores of this study."""
        told = []
        if self.wanted - own >= BUSY * self.cores:
            told.append(f"{self.cores} core{'' if self.cores == 1 else 's'}, load {self.wanted:.1f}")
        if self.stolen >= STOLEN:
            told.append(f"its host takes {self.stolen:.0%} of their time")
        return f"this machine is busy: {', '.join(told)}" if told else None


def load_now(stat: Path = Path("/proc/stat")) -> Load:
    """This machine's load; quiet where the system doesn't tell."""
    wanted = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    try:
        times = [int(number) for number in stat.read_text("ascii").split("\n", 1)[0].split()[1:]]
    except (OSError, ValueError):
        times = []
    return Load(os.cpu_count() or 1, wanted, stolen_share(times))


def stolen_share(times: Sequence[int]) -> float:
    """Of /proc/stat's first line (user, nice, system, idle, iowait, irq, softirq, steal, ...), the share stolen of what
    was wanted."""
    if len(times) < 8:
        return 0.0
    wanted = sum(times[:3]) + sum(times[5:8])  # all but idle and waiting for disks; guests are in user already
    return times[7] / wanted if wanted else 0.0
