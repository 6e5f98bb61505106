"""Pictures with any damage: every way into the house loads them or says what is wrong, and nothing else is raised."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from odd_pictures import encoded, grey_ramp, mutated, odd_files, scene, sixteen_bits
from picture_fakes import picture_fault, read_picture

from trainables.data.pictures.examine import examine
from trainables.data.pictures.load import load_picture
from trainables.errors import UserError

COUNT = int(os.environ.get("BINWISE_FUZZED_PICTURES", "280"))  # 5,000 take a minute
LIMIT = 1_000_000  # pixels: a damaged header may claim more, which would only take time
TRIED_ALONE = 400  # files of one call of examine


def seeds() -> list[tuple[str, bytes]]:
    """What is damaged: small pictures of every format, with alpha, palette, metadata, 16 bits, several frames."""
    picture = scene(0, (40, 32))
    made = [(f"a.{kind.lower()}", encoded(picture, kind)) for kind in ("PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")]
    made += [
        ("baseline.jpg", encoded(picture, "JPEG")),
        ("progressive.jpg", encoded(picture, "JPEG", progressive=True)),
        ("restarts.jpg", encoded(picture, "JPEG", restart_marker_blocks=1)),
        ("print.jpg", encoded(picture.convert("CMYK"), "JPEG")),
        ("palette.png", encoded(picture.quantize(16), "PNG")),
        ("deflated.tif", encoded(picture, "TIFF", compression="tiff_adobe_deflate")),
        ("lossless.webp", encoded(picture.convert("RGBA"), "WEBP", lossless=True)),
        ("clear.avif", encoded(picture.convert("RGBA"), "AVIF")),
        ("deep.png", sixteen_bits(grey_ramp(4_095), (b"tRNS", b"\0\7"))),
        ("deep.tif", encoded(picture.convert("F"), "TIFF")),
    ]
    odd = odd_files()
    return made + [
        (name, odd[name][0]) for name in ("frames.gif", "frames.webp", "frames.png", "pages.tif", "turned-6.jpg")
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(1_200 if COUNT > 1_000 else 60)
def test_nothing_but_a_user_error_leaves(tmp_path: Path) -> None:
    """Loaded small, read whole, asked for its fault, examined: all of them agree whether a picture can be read."""
    rng, made = np.random.default_rng(11), seeds()
    readable = 0
    for start in range(0, COUNT, TRIED_ALONE):
        paths = []
        for number in range(start, min(start + TRIED_ALONE, COUNT)):
            name, data = made[number % len(made)]
            path = tmp_path / f"{number}-{name}"
            path.write_bytes(mutated(data, rng))
            paths.append(path)
        for path, facts in zip(paths, examine(paths, tmp_path / "cache", pixel_limit=LIMIT, workers=1), strict=True):
            fault = picture_fault(path, LIMIT)
            assert can_be_read(path) == (fault is None), path
            assert facts.fault is None or facts.fault.strip()
            assert facts.fault is None or fault is not None, path  # looked at smaller, no more is refused
            assert facts.fault is not None or (facts.fingerprint and facts.width and facts.height)
            readable += fault is None
            path.unlink()
    assert COUNT / 20 < readable < COUNT


def can_be_read(path: Path) -> bool:
    """Whether both loaders take it. Any other exception than a UserError fails the test."""
    whole = refusal(path, lambda: read_picture(path, LIMIT))
    small = refusal(path, lambda: load_picture(path, 48, "pad", LIMIT))
    assert small is None or whole is not None, path  # loaded smaller, a JPEG may hide a fault, and never has one more
    return whole is None


def refusal(path: Path, load: Callable[[], object]) -> str | None:
    """What is said where a picture isn't taken: it names the file."""
    try:
        load()
    except UserError as error:
        return str(error) if str(path) in str(error) else pytest.fail(f"{error} must name {path}")
    return None
