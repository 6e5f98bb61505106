"""Pictures no two of which are the same, and copies of some that were saved again: what near duplicates look like."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from machine import cores
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from trainables.data.pictures.fingerprint import fingerprint

SIZE = (160, 120)


def photograph(rng: np.random.Generator) -> Image.Image:
    """A smooth ground, soft shapes, noise."""
    ground = Image.fromarray(rng.integers(30, 226, (5, 6, 3), dtype=np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(ground)
    for _ in range(6):
        left, top = (int(rng.integers(-20, side)) for side in SIZE)
        width, height = (int(rng.integers(side // 10, side // 2)) for side in SIZE)
        draw.ellipse((left, top, left + width, top + height), fill=tuple(map(int, rng.integers(0, 256, 3))))
    noise = rng.normal(0, 5, (SIZE[1], SIZE[0], 1))
    pixels = np.asarray(ground.filter(ImageFilter.BoxBlur(1))) + noise
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def drawing(rng: np.random.Generator) -> Image.Image:
    """A few shapes in the middle of a white ground: drawings share most of their pixels."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(1, 5))):
        corners = rng.integers((20, 15), (SIZE[0] - 20, SIZE[1] - 15), (int(rng.integers(3, 8)), 2))
        draw.polygon([tuple(map(int, corner)) for corner in corners], fill=tuple(map(int, rng.integers(0, 256, 3))))
    return picture


def _cut(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """3 % of each side is gone, shared at random by its two ends."""
    width, height = picture.size
    lost = round(width * 0.03), round(height * 0.03)
    left, top = (int(rng.integers(0, side + 1)) for side in lost)
    return picture.crop((left, top, width - lost[0] + left, height - lost[1] + top))


def _brightness(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(float(rng.uniform(0.8, 1.2)))


def _smaller(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    share = float(rng.uniform(0.4, 0.9))
    return picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.BICUBIC)


CHANGES: Mapping[str, Callable[[Image.Image, np.random.Generator], Image.Image]] = {
    "compressed": lambda picture, _: picture,  # as all copies are
    "smaller": _smaller,
    "cut by 3 %": _cut,
    "brightness": _brightness,
    "blurred": lambda picture, _: picture.filter(ImageFilter.GaussianBlur(1)),
    "cut, brightness and smaller": lambda picture, rng: _smaller(_brightness(_cut(picture, rng), rng), rng),
}


def fingerprints(pictures: int, copies: int) -> list[bytes]:
    """Of so many different pictures, every second a drawing, and then of changed copies of the first ones."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda row: _fingerprint(row, pictures), range(pictures + copies)))


def change_of(copy: int) -> str:
    """What became of a copy, by its number: each change hits photographs and drawings alike."""
    return list(CHANGES)[copy // 2 % len(CHANGES)]


def _fingerprint(row: int, pictures: int) -> bytes:
    original = row % pictures
    picture = (drawing if original % 2 else photograph)(np.random.default_rng((7, original)))
    if row < pictures:
        return fingerprint(picture)
    rng = np.random.default_rng((8, row))
    stream = io.BytesIO()
    CHANGES[change_of(original)](picture, rng).save(stream, "JPEG", quality=int(rng.integers(40, 90)))
    with Image.open(stream) as copy:
        return fingerprint(copy.convert("RGB"))
