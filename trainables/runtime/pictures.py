"""The one loader: every picture enters the house through here, in training, prediction and bundles alike."""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from .content import foreign_content, heic_content
from .errors import UserError
from .grey import deep_grey_to_rgb, is_deep_grey
from .room import BYTES_A_PIXEL, machine_room

Fit = Literal["pad", "crop"]

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")
PIXEL_LIMIT: Final = 50_000_000
STRIP: Final = 1_000_000  # pixels that are put on white at a time
PAD_COLOUR: Final = (124, 116, 104)  # ImageNet's mean: padding is about 0 once pictures are normalised

# Pillow warns from 89 million pixels on; here the caller's limit decides, and a picture above it is told as a fault.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# Damaged metadata, which are told by `examine`.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

# Pillow refuses PNGs with more than 1 MB of text or colour profile, which scanners and editors do write. These bounds
# keep a file of a few kB from filling the memory all the same.
PngImagePlugin.MAX_TEXT_CHUNK = 32 * 2**20
PngImagePlugin.MAX_TEXT_MEMORY = 128 * 2**20

_ORIENTATION_TAG: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's readers raise for damaged files.
FAULTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    RuntimeError,  # AVIF's; NotImplementedError is one
    struct.error,
)


def load_picture(path: Path, size: int, fit: Fit, pixel_limit: int = PIXEL_LIMIT) -> NDArray[np.uint8]:
    """One picture as (size, size, 3), RGB, 0-255.

    "pad" keeps the whole picture: the longer side becomes `size` px, the rest is PAD_COLOUR. "crop" makes the shorter
    side `size` px and keeps the centre. The first frame is taken, turned upright by EXIF; transparency is put on white;
    16-bit values are scaled to 8, those that use 12 or 10 bits alone by what they use.

    Raises UserError that names the file and the reason where it can't be decoded or has more than `pixel_limit` pixels.
    """
    try:
        with opened(path, pixel_limit) as image:
            stored = image.width * image.height
            image.draft(None, _draft_size(*image.size, size, fit))
            with machine_room().taken(decoded_pixels(image, stored)):
                picture = upright_rgb(image)
                square = _padded(picture, size) if fit == "pad" else _cropped(picture, size)
                return np.array(square, dtype=np.uint8)
    except FAULTS as error:
        raise UserError(
            f"Every picture must be readable, but {path}: {reason_of(path, error)}. Replace or remove it."
        ) from error


def decoded_pixels(image: Image.Image, stored: int) -> int:
    """How many pixels an opened picture takes memory for while it is decoded; `stored`: how many it has in its file."""
    # Of a progressive JPEG all scans are held, whatever size it is decoded in: 3 bytes a pixel.
    scans = 3 * stored // BYTES_A_PIXEL if image.info.get("progressive") else 0
    return image.width * image.height + scans


@contextmanager
def opened(path: Path, pixel_limit: int) -> Iterator[Image.Image]:
    """The picture with its header read and no pixel decoded.

    Raises one of FAULTS, as decoding does: of its kind, `reason_of` makes words.
    """
    if not path.is_file():  # a pipe would wait for ever
        raise FileNotFoundError("no such file" if not path.exists() else "not a regular file")
    with _opened(path, pixel_limit) as image:
        width, height = image.size
        if width * height > pixel_limit:
            raise ValueError(_too_large(width * height, pixel_limit, f" ({width} x {height})"))
        yield image


def _opened(path: Path, pixel_limit: int) -> Image.Image:
    """ValueError where the picture is above Pillow's own limit."""
    try:
        # Readers that are loaded first: a format among those asked for that isn't makes Pillow load all forty.
        Image.preinit()
        with suppress(UnidentifiedImageError):
            return Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN])
        return Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:  # Pillow's own limit, checked as it opens
        pixels = int("".join(re.findall(r"\((\d+) pixels", str(error))) or 0)
        raise ValueError(_too_large(pixels, min(pixel_limit, 2 * (Image.MAX_IMAGE_PIXELS or pixel_limit)))) from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """Decode an opened picture: RGB, turned by EXIF, transparency on white."""
    image.load()
    turn = _TURNS.get(orientation(image))
    rgb = _rgb(image)
    return rgb if turn is None else rgb.transpose(turn)


def _draft_size(width: int, height: int, size: int, fit: Fit) -> tuple[int, int]:
    """The smallest size a JPEG may be decoded in: twice the final one, so that the resampling still has its say."""
    factor = 2 * size / (max(width, height) if fit == "pad" else min(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; damaged EXIF doesn't make a picture useless. (Pillow itself turns a TIFF.)"""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except FAULTS:
        return 1


def _rgb(image: Image.Image) -> Image.Image:
    if is_deep_grey(image):
        return deep_grey_to_rgb(image)
    if image.has_transparency_data:
        return _on_white(image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """A large one in strips, since what is made on the way takes three times the memory of the picture itself."""
    rows = max(1, STRIP // image.width)
    if rows >= image.height:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    whole = Image.new("RGB", image.size)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        whole.paste(_on_white(image.crop(box)), (0, top))
    return whole


def _padded(picture: Image.Image, size: int) -> Image.Image:
    factor = size / max(picture.size)
    width, height = (max(1, round(side * factor)) for side in picture.size)
    square = Image.new("RGB", (size, size), PAD_COLOUR)
    resized = picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    square.paste(resized, ((size - width) // 2, (size - height) // 2))
    return square


def _cropped(picture: Image.Image, size: int) -> Image.Image:
    # Cut before resizing: a picture a million times wider than high would first grow beyond memory.
    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return picture.resize((size, size), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)


def _too_large(pixels: int, pixel_limit: int, shape: str = "") -> str:
    return f"{pixels:,} pixels{shape} are more than the limit of {pixel_limit:,}"


def reason_of(path: Path, error: BaseException) -> str:
    """Why reading failed, in words, without the path."""
    if isinstance(error, UnidentifiedImageError):
        if path.stat().st_size == 0:
            return "the file is empty"
        known = foreign_content(path)
        return (
            f"the content is no picture in one of the formats {', '.join(FORMATS)}{f', but {known}' if known else ''}"
        )
    if heic := heic_content(path):
        return f"the content is {heic}"
    if "MAX_TEXT" in str(error):
        return f"its text or colour profile takes more than {PngImagePlugin.MAX_TEXT_CHUNK // 2**20} MiB"
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    return text.rstrip(".")
