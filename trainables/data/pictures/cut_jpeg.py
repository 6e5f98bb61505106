"""A JPEG whose data end early although its end is marked: libjpeg fills the rest with grey and says nothing.

Uploads that broke off and were closed by a tool look like that. Of a file without its end, Pillow tells itself.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.pictures.load import FAULTS

_GREY: Final = (127, 128)  # what a block without data becomes, in every channel; CMYK is stored inverted
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_RESTARTS: Final = range(0xD0, 0xD8)
_FILLER: Final = bytes(range(1, 251)) * 4


def missing_share(path: Path, decoded: Image.Image, draft: tuple[int, int]) -> float:
    """The share of the height that a JPEG file's data don't reach; 0 where they reach the end.

    `decoded`: the picture as it was decoded after `draft(None, draft)`, not turned. Only where its last pixel has the
    grey of missing data, which a real one may have too, is it looked into: further data are put before the mark of the
    end, and the picture is decoded again. Where all was there, they change nothing.

    Not noticed: a progressive JPEG that lacks whole scans, which shows the whole picture, blurred; data that end in a
    later one of several scans.
    """
    pixels = _pixels(decoded)
    missing = _grey_rows(pixels)
    if missing is None:
        return 0.0
    longer = _with_more_data(path.read_bytes())
    if longer is None:
        return 0.0
    return max(missing, 1) / len(pixels) if _differs(longer, draft, pixels) else 0.0


def _differs(data: bytes, draft: tuple[int, int], pixels: NDArray[np.uint8]) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            image.draft(None, draft)
            image.load()
            return not np.array_equal(_pixels(image), pixels)
    except FAULTS:
        return False


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    pixels = np.asarray(image)
    return pixels.reshape(*pixels.shape[:2], -1)


def _grey_rows(pixels: NDArray[np.uint8]) -> int | None:
    """How many of the last rows are of that grey alone; None where the last pixel isn't."""
    if not np.isin(pixels[-1, -1], _GREY).all():
        return None
    is_grey = ((pixels == _GREY[0]) | (pixels == _GREY[1])).all(axis=(1, 2))
    return len(is_grey) if is_grey.all() else int(np.argmin(is_grey[::-1]))


def _with_more_data(data: bytes) -> bytes | None:
    """The file with bytes that can be decoded before its picture's end; None where that isn't found."""
    scan = _first_scan(data)
    end = -1 if scan is None else data.find(_END, scan)
    if end < 0:
        return None
    restarts = b"".join(bytes((0xFF, mark)) + _FILLER for mark in _RESTARTS)
    return data[:end] + _FILLER + restarts + data[end:]


def _first_scan(data: bytes) -> int | None:
    """Where the header of the first scan begins."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        if data[at + 1] == _SCAN:
            return at
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
