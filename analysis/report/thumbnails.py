"""Small pictures for the report, decoded and encoded anew so that nothing of the original file gets into the page."""

from __future__ import annotations

import base64
import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
SIDE = 160  # px, the longer one
MOST_PIXELS = 50_000_000  # a larger picture isn't decoded for the sake of a thumbnail


def thumbnail_uri(path: Path | None, side: int = SIDE) -> str | None:
    """The picture as a JPEG `data:` URI, at most `side` px wide and high; None where it can't be read."""
    if path is None:
        return None
    try:
        with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if image.width * image.height > MOST_PIXELS:
                return None
            image.draft("RGB", (side * 2, side * 2))  # JPEG decodes at a fraction of its size
            return data_uri(_encoded(_on_white(ImageOps.exif_transpose(image), side)), "image/jpeg")
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError):
        return None


def data_uri(content: bytes, kind: str) -> str:
    """Bytes of a picture as a `data:` URI; `kind` is its media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _on_white(image: Image.Image, side: int) -> Image.Image:
    image.thumbnail((side, side))
    if not image.has_transparency_data:
        return image.convert("RGB")
    opaque = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert("RGB")


def _encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
