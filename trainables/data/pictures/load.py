"""Many pictures at a time, and what is said of those that can't be read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainables.data.files import listed
from trainables.errors import UserError
from trainables.runtime.pictures import (
    FAULTS,
    PAD_COLOUR,
    PIXEL_LIMIT,
    Fit,
    load_picture,
    opened,
    orientation,
    reason_of,
    upright_rgb,
)

# One picture's loader lies with what a bundle carries; all that is asked of pictures is had here.
__all__ = [
    "FAULTS",
    "PAD_COLOUR",
    "PIXEL_LIMIT",
    "Fit",
    "load_into",
    "load_picture",
    "load_pictures",
    "opened",
    "orientation",
    "reason_of",
    "unreadable",
    "upright_rgb",
]


def load_pictures(
    paths: Sequence[Path], size: int, fit: Fit, pixel_limit: int = PIXEL_LIMIT, threads: int | None = None
) -> NDArray[np.uint8]:
    """Pictures as (N, size, size, 3), in the order of `paths`.

    `threads` of them are decoded at a time (default: one a core, at most 8).
    Raises UserError that lists the first five files that can't be read and says how many there are.
    """
    loaded = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    with ThreadPoolExecutor(threads or min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda row: load_into(loaded[row], paths[row], size, fit, pixel_limit), range(len(paths)))
        faults = [fault for fault in found if fault is not None]
    if faults:
        raise unreadable(faults, len(paths))
    return loaded


def load_into(target: NDArray[np.uint8], path: Path, size: int, fit: Fit, pixel_limit: int) -> str | None:
    """Decode one picture into `target` (size, size, 3); where it can't be read: its path and why."""
    try:
        target[...] = load_picture(path, size, fit, pixel_limit)
    except UserError as error:
        return f"{path}: {reason_of(path, error.__cause__ or error)}"
    return None


def unreadable(faults: Sequence[str], count: int) -> UserError:
    """The error about faulty pictures (each a path and a reason) among `count`: the first five, and how many."""
    return UserError(
        f"Every picture must be readable, but {len(faults)} of {count} aren't:\n{listed(faults)}\n"
        "Replace or remove them."
    )
