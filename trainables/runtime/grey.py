"""Grey pictures of more than 8 bits, integers or floats, as RGB of 8 bits."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEPTHS: Final = (8, 10, 12)  # bits of cameras and scanners whose values lie in wider integers; else all 16 are used
WHITE: Final = 255


def is_deep_grey(image: Image.Image) -> bool:
    """Whether it has one channel of 16 or 32 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of mode I;16, I or F in 8 bits; a value that a PNG names as transparent becomes white."""
    values = _values(image)
    hidden = _hidden(image, values)
    grey = np.full(values.shape, WHITE, dtype=np.uint8)
    if not hidden.all():
        grey[~hidden] = eight_bits(values[~hidden], whole=image.mode != "F")
    return Image.fromarray(grey).convert("RGB")


def held_bits(image: Image.Image) -> tuple[int, int] | None:
    """The highest value of a picture of wide integers and the bits it is taken to have, where these are fewer than 16.

    None where they aren't, or its values aren't integers of 16 bits.
    """
    if image.mode == "F" or not is_deep_grey(image):
        return None
    values = _values(image)
    shown = values[~_hidden(image, values)]
    if not shown.size or shown.min() < 0 or (depth := _depth(float(shown.max()))) not in DEPTHS:
        return None
    return int(shown.max()), depth


def eight_bits(values: NDArray[np.float64], *, whole: bool) -> NDArray[np.uint8]:
    """Grey values (any shape) as 0-255. `whole`: they come from integers.

    Integers of at most 65,535 are scaled by the bits that hold the highest: 8, 10, 12 or 16. Floats in 0-1 are scaled
    by 255. Any other range is stretched from its lowest value to its highest.
    """
    low, high = float(values.min()), float(values.max())
    if low >= 0 and not whole and high <= 1:
        scaled = values * 255
    elif low >= 0 and (depth := _depth(high)) is not None:
        scaled = values / ((2**depth - 1) / 255)
    else:
        scaled = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _values(image: Image.Image) -> NDArray[np.float64]:
    """What isn't a number is 0."""
    return np.nan_to_num(np.asarray(image).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _hidden(image: Image.Image, values: NDArray[np.float64]) -> NDArray[np.bool_]:
    transparent = image.info.get("transparency")
    return values == transparent if isinstance(transparent, int) else np.zeros(values.shape, dtype=np.bool_)


def _depth(high: float) -> int | None:
    """The bits that hold the highest value, None where more than 16 are needed."""
    return next((bits for bits in (*DEPTHS, 16) if high < 2**bits), None)
