"""Small class folders with pictures in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def draw_pictures(folder: Path, classes: Mapping[str, int], seed: int = 0) -> None:
    """A tree of small pictures."""
    rng = np.random.default_rng(seed)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{folder.name} {name} {number}.jpg")
