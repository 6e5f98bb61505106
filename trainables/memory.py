"""Giving memory back between two trials of one process."""

from __future__ import annotations

import ctypes
import gc
import sys

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
