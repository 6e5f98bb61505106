"""Zip files as people and attackers make them."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image

RELEASE = "Final_dataset_W2025"


def picture(number: int) -> bytes:
    """A small PNG that no other number has."""
    pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def release(wrapper: str = "", name: str = RELEASE) -> dict[str, bytes]:
    """The files of a release: three splits with two classes, and what macOS leaves beside them."""
    files = {
        f"{wrapper}{name}_{split}/{label}/thing_{number}.png": picture(number + 10 * row)
        for row, (split, label) in enumerate(
            (split, label) for split in ("Train", "Val", "Test") for label in ("Blue", "Green")
        )
        for number in range(2)
    }
    return {
        **files,
        f"__MACOSX/{name}_Train/._x": b"junk",
        f"{wrapper}.DS_Store": b"junk",
        f"{wrapper}readme.txt": b"hi",
    }


def zipped(files: Mapping[str, bytes], mode: int = stat.S_IFREG | 0o644, method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip file of these files, by name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.filename = name  # as it is, backslashes and all
            info.external_attr = mode << 16
            info.compress_type = method
            archive.writestr(info, content)
    return stream.getvalue()
