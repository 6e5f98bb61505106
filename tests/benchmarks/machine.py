"""The machine in words, and what processes hold of its memory, as Linux's /proc says it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "transformers", "timm", "pillow", "numpy")
GIB = 2**30


def describe_machine() -> dict[str, str]:
    """CPU, cores, memory, GPU and versions; and how busy the machine was, since figures depend on it."""
    words = {
        "cpu": _cpu_model(),
        "cores": str(cores()),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / GIB:.0f} GiB",
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "system": platform.system(),
        "load at start": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
    }
    return words | {package: _version(package) for package in PACKAGES}


def cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0))


@contextmanager
def one_core() -> Iterator[None]:
    """This process on one core, torch with one thread."""
    allowed, threads = os.sched_getaffinity(0), torch.get_num_threads()
    os.sched_setaffinity(0, {min(allowed)})
    torch.set_num_threads(1)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
        torch.set_num_threads(threads)


def memory_of(process: int) -> dict[str, int]:
    """Bytes of a process: RSS, PSS (shared pages divided among their owners), USS (pages that no other process maps),
    and its anonymous part (what the process itself wrote, no file's pages)."""
    fields = _rollup(process)
    return {
        "rss": fields["Rss"],
        "pss": fields["Pss"],
        "uss": fields["Private_Clean"] + fields["Private_Dirty"],
        "anonymous": fields["Anonymous"],
    }


def _rollup(process: int) -> dict[str, int]:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text("ascii", "replace").splitlines()[1:]
    pairs = (line.split()[:2] for line in lines)
    return {name.rstrip(":"): int(kibibytes) * 1024 for name, kibibytes in pairs}


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
