"""How much room a disk has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

FREE_SHARE: Final = 0.2  # of the free disk that stays free: checkpoints and records need some too


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder, which needn't exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def has_room(folder: Path, needed: int) -> bool:
    """Whether that many bytes fit, and a share of the free disk stays free."""
    return needed == 0 or needed <= (1 - FREE_SHARE) * free_bytes(folder)
