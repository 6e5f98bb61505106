"""Small class folders with pictures in them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from trainables.data.pictures.load import FAULTS, PIXEL_LIMIT, opened, reason_of, upright_rgb
from trainables.errors import UserError


def draw_pictures(folder: Path, classes: Mapping[str, int], seed: int = 0) -> None:
    """A tree of small pictures."""
    rng = np.random.default_rng(seed)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 255, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{folder.name} {name} {number}.jpg")


def picture_fault(path: Path, pixel_limit: int = PIXEL_LIMIT) -> str | None:
    """Why a picture can't be used, found by decoding it whole; None where it can."""
    try:
        read_picture(path, pixel_limit)
    except UserError as error:
        return reason_of(path, error.__cause__ or error)
    return None


def read_picture(path: Path, pixel_limit: int = PIXEL_LIMIT) -> Image.Image:
    """A picture in its own size, RGB and upright, decoded whole; UserError where it can't be."""
    try:
        with opened(path, pixel_limit) as image:
            return upright_rgb(image)
    except FAULTS as error:
        raise UserError(f"{path}: {reason_of(path, error)}") from error
