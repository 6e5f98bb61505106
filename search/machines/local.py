"""What this machine has, found out without starting Ray: a request that it can't meet is refused at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from search.machines.ray_address import is_own
from search.machines.shares import Node, check_resources
from search.study.config import StudyConfig

NVIDIA = "proc/driver/nvidia/gpus"  # a folder a GPU
# Devices of accelerators that are counted by Ray alone.
OTHERS = ("dev/kfd", "dev/dxg", "dev/dri", "dev/nvidiactl")


def check_local_resources(study: StudyConfig) -> None:
    """UserError where a study that runs on this machine asks for more than it has. Ray's own count comes later."""
    gpus = count_gpus(os.environ) if is_own(study.cluster.address) else None
    if gpus is not None:
        check_resources(study, [Node(float(os.cpu_count() or 1), float(gpus))])


def count_gpus(environment: Mapping[str, str], root: Path = Path("/")) -> int | None:
    """How many GPUs a process may use; None where that can't be told without asking their driver."""
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",") if name.strip()]
        return 0 if names == ["-1"] else len(names)
    folder = root / NVIDIA
    if folder.is_dir():
        return len(list(folder.iterdir()))
    return None if any((root / device).exists() for device in OTHERS) else 0
