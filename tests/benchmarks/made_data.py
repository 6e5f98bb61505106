"""Data that the benchmarks make themselves, the same from the same seed: photograph-like JPEGs and file names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from machine import cores
from PIL import Image, ImageDraw, ImageFilter

from trainables.data.samples import Split
from trainables.modalities import BUILT_IN
from trainables.names import TRAIN, VAL

IMAGE, TEXT = MODALITIES = BUILT_IN  # by name, in the registry's order
CLASSES = ("Black", "Blue", "Green", "TTR")
PHOTOGRAPH = (1060, 1150)  # px, the published pictures' mean width and height
JPEG_QUALITY = 90
NOISE = 6.0  # standard deviation, of 255: makes a file as large as a photograph's

STATES = ("empty", "dirty", "old", "broken", "plastic", "large", "small", "used", "clean", "wet", "half", "full")
THINGS = (
    ("nappy", "styrofoam", "wrapper", "straw", "sponge", "tissue", "mask", "glove", "foil", "brush"),
    ("bottle", "newspaper", "carton", "jar", "can", "magazine", "envelope", "cereal", "tray", "tub"),
    ("apple", "garlic", "banana", "bread", "bone", "leaf", "coffee", "salad", "rice", "pizza"),
    ("battery", "phone", "bulb", "paint", "aerosol", "cable", "laptop", "drill", "tire", "syringe"),
)
# Share of texts by their number of words: with WordPiece's two special tokens 5.4 tokens on average, 9 at the 95th
# percentile, 14 at most, as on real file names.
WORD_COUNTS = {1: 0.12, 2: 0.25, 3: 0.25, 4: 0.17, 5: 0.08, 6: 0.05, 7: 0.045, 8: 0.01, 9: 0.01, 10: 0.006, 12: 0.009}
WRONG_LABELS = 0.1


def make_picture_splits(root: Path, train: int, val: int, *, size: tuple[int, int] = PHOTOGRAPH) -> float:
    """Class-folder trees of JPEGs below `root`/train and `root`/val; returns a file's mean size in KB."""
    make_pictures(root / VAL, val, size=size, seed=2)
    make_pictures(root / TRAIN, train, size=size, seed=1)
    files = list((root / TRAIN).rglob("*.jpg"))
    return sum(path.stat().st_size for path in files) / len(files) / 1000


def make_pictures(
    folder: Path, count: int, *, size: tuple[int, int] = PHOTOGRAPH, seed: int = 1, distinct: int = 256
) -> None:
    """`count` JPEGs in class folders; beyond the first `distinct` they are hard links to earlier ones.

    Links save the time of drawing; a loader opens and decodes each of them anew.
    """
    paths = [folder / CLASSES[row % len(CLASSES)] / f"empty_plastic_bottle_{row}.jpg" for row in range(count)]
    for name in CLASSES:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda row: _draw(paths[row], size, (seed, row)), range(min(count, distinct))))
    for row in range(distinct, count):
        os.link(paths[row % distinct], paths[row])


def _draw(path: Path, size: tuple[int, int], seed: Sequence[int]) -> None:
    """A smooth ground, a few soft shapes, mild noise: decodes with as much work as a photograph does."""
    rng = np.random.default_rng(seed)
    ground = Image.fromarray(rng.integers(40, 216, (6, 6, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(ground)
    for _ in range(12):
        left, top = (int(rng.integers(0, side)) for side in size)
        width, height = (int(rng.integers(side // 20, side // 3)) for side in size)
        draw.ellipse((left, top, left + width, top + height), fill=tuple(int(v) for v in rng.integers(0, 256, 3)))
    smooth = np.asarray(ground.filter(ImageFilter.BoxBlur(2)), dtype=np.float32)
    noise = rng.standard_normal((size[1], size[0], 1), dtype=np.float32) * NOISE
    pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, quality=JPEG_QUALITY)


def make_text_split(count: int, seed: int) -> Split:
    """Texts like `empty_plastic_yogurt_bottle_3200`; their last word tells the class, and a tenth has a wrong label."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), count)
    lengths = rng.choice(list(WORD_COUNTS), size=count, p=list(WORD_COUNTS.values()))
    texts = tuple(
        "_".join([*rng.choice(STATES, length - 1), rng.choice(THINGS[label]), str(rng.integers(1, 20_000))])
        for label, length in zip(labels, lengths, strict=True)
    )
    wrong = rng.random(count) < WRONG_LABELS
    labels[wrong] = rng.integers(0, len(CLASSES), int(wrong.sum()))
    ids = tuple(f"row-{row}" for row in range(count))
    return Split(ids, labels.astype(np.int64), CLASSES, {TEXT: texts})
