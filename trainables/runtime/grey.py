"""Grey pictures of more than 8 bits, integers or floats, as RGB of 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEPTHS: Final = (8, 10, 12)  # bits of cameras and scanners whose values lie in wider integers; else all 16 are used
WHITE: Final = 255
STRIP: Final = 1_000_000  # values that are made 8 bits at a time


def is_deep_grey(image: Image.Image) -> bool:
    """Whether it has one channel of 16 or 32 bits."""
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def deep_grey_to_rgb(image: Image.Image) -> Image.Image:
    """A loaded picture of mode I;16, I or F in 8 bits; a value that a PNG names as transparent becomes white."""
    stored, transparent = np.asarray(image), _transparent(image)
    grey = np.full(stored.shape, WHITE, dtype=np.uint8)
    ends = _ends(stored, transparent)
    if ends is not None:
        for rows in _strips(stored):
            values = _values(stored[rows])
            shown = values != transparent
            grey[rows][shown] = eight_bits(values[shown], whole=image.mode != "F", ends=ends)
    return Image.fromarray(grey).convert("RGB")


def held_bits(image: Image.Image) -> tuple[int, int] | None:
    """The highest value of a picture of wide integers and the bits it is taken to have, where these are fewer than 16.

    None where they aren't, or its values aren't integers of 16 bits.
    """
    if image.mode == "F" or not is_deep_grey(image):
        return None
    ends = _ends(np.asarray(image), _transparent(image))
    if ends is None or ends[0] < 0 or (depth := _depth(ends[1])) not in DEPTHS:
        return None
    return int(ends[1]), depth


def eight_bits(
    values: NDArray[np.float64], *, whole: bool, ends: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Grey values (any shape) as 0-255. `whole`: they come from integers; `ends`: the picture's, where it has more.

    Integers of at most 65,535 are scaled by the bits that hold the highest: 8, 10, 12 or 16. Floats in 0-1 are scaled
    by 255. Any other range is stretched from its lowest value to its highest.
    """
    low, high = ends or (float(values.min()), float(values.max()))
    if low >= 0 and not whole and high <= 1:
        scaled = values * 255
    elif low >= 0 and (depth := _depth(high)) is not None:
        scaled = values / ((2**depth - 1) / 255)
    else:
        scaled = (values - low) / (high - low) * 255 if high > low else np.zeros_like(values)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _ends(stored: NDArray[Any], transparent: float | None) -> tuple[float, float] | None:
    """The lowest and the highest value that is shown; None where none is."""
    found = []
    for rows in _strips(stored):
        values = _values(stored[rows])
        shown = values[values != transparent]
        if shown.size:
            found.append((float(shown.min()), float(shown.max())))
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def _strips(stored: NDArray[Any]) -> Iterator[slice]:
    """Rows of a million values at a time: what is made of them on the way takes twenty times the memory of theirs."""
    rows = max(1, STRIP // max(1, stored.shape[1]))
    return (slice(start, start + rows) for start in range(0, stored.shape[0], rows))


def _values(stored: NDArray[Any]) -> NDArray[np.float64]:
    """What isn't a number is 0."""
    return np.nan_to_num(stored.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


def _transparent(image: Image.Image) -> float | None:
    """The value that is no grey, where the picture names one."""
    named = image.info.get("transparency")
    return float(named) if isinstance(named, int) else None


def _depth(high: float) -> int | None:
    """The bits that hold the highest value, None where more than 16 are needed."""
    return next((bits for bits in (*DEPTHS, 16) if high < 2**bits), None)
