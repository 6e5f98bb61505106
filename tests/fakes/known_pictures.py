"""What is known of pictures that nobody drew."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """What is known of a picture, as far as shortcuts are about it."""

    size_bytes: int = 10_000
    format: str = "JPEG"
    mode: str = "RGB"
    width: int = 640
    height: int = 480
    taken: str = ""
    camera: str = ""
