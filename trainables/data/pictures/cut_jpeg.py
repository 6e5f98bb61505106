"""A JPEG whose data end early although its end is marked: libjpeg fills the rest and says nothing.

Uploads that broke off and were closed by a tool look like that. Of a file without its end, Pillow tells itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainables.data.pictures.load import FAULTS

_GREY: Final = (127, 128)  # what a block without data becomes, in every channel; CMYK is stored inverted
_END, _SCAN = 0xD9, 0xDA
_RESTARTS: Final = range(0xD0, 0xD8)
_FILLER: Final = bytes(range(1, 251)) * 4
_MARK: Final = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])", re.DOTALL)  # as none is within compressed data
_COEFFICIENTS: Final = 64  # of a block


def missing_share(path: Path, decoded: Image.Image, draft: tuple[int, int]) -> float:
    """The share of the height that a JPEG file's data don't reach; 0 where they reach the end.

    `decoded`: the picture as it was decoded after `draft(None, draft)`, not turned. Only where its last pixel has the
    grey of missing data, which a real one may have too, is it looked into: further data are put before the mark of the
    end, and the picture is decoded again. Where all was there, they change nothing.
    """
    pixels = _pixels(decoded)
    missing = _grey_rows(pixels)
    if missing is None:
        return 0.0
    longer = _with_more_data(path.read_bytes())
    return max(missing, 1) / len(pixels) if longer and _differs(longer, draft, pixels) else 0.0


def lacks_scans(path: Path) -> bool:
    """Whether a progressive JPEG lacks scans that would sharpen it: bits of a coefficient that none of them has.

    A cut within the last of its scans isn't noticed, and does little harm.
    """
    bits: dict[tuple[int, int], int] = {}  # by component and coefficient: the lowest bit that a scan has
    components: set[int] = set()
    for mark, body in _segments(path.read_bytes()):
        if mark == _SCAN and len(body) >= 4:
            count = body[0]
            components |= set(body[1 : 1 + 2 * count : 2])
            first, last, low = body[-3], body[-2], body[-1] & 15
            scanned = body[1 : 1 + 2 * count : 2]
            bits |= {(one, place): low for one in scanned for place in range(first, min(last, 63) + 1)}
    return any(bits.get((one, place), 1) > 0 for one in components for place in range(_COEFFICIENTS))


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
    end = next((at for mark, at, _ in _marks(data) if mark == _END), None)
    restarts = b"".join(bytes((0xFF, mark)) + _FILLER for mark in _RESTARTS)
    return None if end is None else data[:end] + _FILLER + restarts + data[end:]


def _differs(data: bytes, draft: tuple[int, int], pixels: NDArray[np.uint8]) -> bool:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            image.draft(None, draft)
            image.load()
            return not np.array_equal(_pixels(image), pixels)
    except FAULTS:
        return False


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every mark up to the end, with what its header holds."""
    return ((mark, data[at + 4 : end]) for mark, at, end in _marks(data))


def _marks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Every mark up to the first end: its number, where it begins, where its header ends."""
    at = 2
    while (match := _MARK.search(data, at)) is not None:
        mark, at = match[1][0], match.start()
        end = at + 2 if mark == _END else at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield mark, at, end
        if mark == _END:
            return
        at = end
