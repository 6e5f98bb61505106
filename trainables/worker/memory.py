"""A process's memory: what it holds, and giving it back between two trials."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import sys
from pathlib import Path

import torch


def forget_compiled() -> None:
    """Forget what torch compiled in this process: by the shapes of one trial it would choose those of the next.

    What lies in its cache on the disk stays, and is found again.
    """
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()


def release_memory() -> None:
    """Collect what a trial left, and hand free memory back: the GPU's to other processes, the host's to the system.

    glibc keeps freed memory that lies between memory in use, so that a process that is reused seems to grow.
    """
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own
    if trim is not None:
        trim(0)


def reset_peak() -> bool:
    """Let the peak of the resident memory count from here on; whether the system can do that (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def resident_bytes() -> int:
    """What the process has in memory now."""
    return _status("VmRSS")


def peak_resident_bytes() -> int:
    """The most that it had since `reset_peak`."""
    return _status("VmHWM")


def _status(key: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:  # no Linux: what the process had at most
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def machine_bytes() -> int:
    """Bytes of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
