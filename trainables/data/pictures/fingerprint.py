"""What a picture looks like in 1,152 bytes, by which near duplicates are found (`data/check/near.py`).

Its luma in 32 x 32 and its two chroma channels in 8 x 8 each (YCbCr of JPEG), whatever the picture's shape. Each value
is a mean over a part of the picture, so that the number of its pixels and noise hardly matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LUMA: Final = 32
CHROMA: Final = 8
BYTES: Final = LUMA**2 + 2 * CHROMA**2


def fingerprint(picture: Image.Image) -> bytes:
    """Of an RGB picture of any size."""
    small = picture.resize((LUMA, LUMA), Image.Resampling.BILINEAR, reducing_gap=3.0).convert("YCbCr")
    luma, blue, red = small.split()
    chroma = [band.resize((CHROMA, CHROMA), Image.Resampling.BOX).tobytes() for band in (blue, red)]
    return b"".join([luma.tobytes(), *chroma])


def luma_of(fingerprints: Sequence[bytes]) -> NDArray[np.float32]:
    """(N, LUMA, LUMA), 0 to 255."""
    return _table(fingerprints)[:, : LUMA**2].reshape(-1, LUMA, LUMA).astype(np.float32)


def chroma_of(fingerprints: Sequence[bytes]) -> NDArray[np.float32]:
    """(N, 2 * CHROMA**2): blue's and red's, -128 to 127."""
    return _table(fingerprints)[:, LUMA**2 :].astype(np.float32) - 128


def _table(fingerprints: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(fingerprints), dtype=np.uint8).reshape(-1, BYTES)
