"""How much room a disk has."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from trainables.errors import UserError
from trainables.words import human_bytes

FREE_SHARE: Final = 0.2  # of the free disk that stays free: checkpoints and records need some too
BLOCK: Final = 4096  # bytes that a file's last part takes up on nearly every disk, however short it is


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder, which needn't exist yet."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def has_room(folder: Path, needed: int) -> bool:
    """Whether that many bytes fit, and a share of the free disk stays free."""
    return needed == 0 or needed <= (1 - FREE_SHARE) * free_bytes(folder)


def bytes_on_disk(sizes: Iterable[int]) -> int:
    """What files of these sizes take up: whole blocks."""
    return sum(-(-size // BLOCK) * BLOCK for size in sizes)


def require_room(folder: Path, needed: int, remedy: str) -> None:
    """Raises UserError, with the remedy, where `needed` bytes are more than the disk of `folder` has free."""
    free = free_bytes(folder)
    if needed > free:
        raise UserError(
            f"The disk of {folder} must have {human_bytes(needed)} free for this, but has {human_bytes(free)}. {remedy}"
        )
