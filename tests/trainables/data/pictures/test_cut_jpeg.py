"""JPEGs that end early although their end is marked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_pictures import END, closed_early, encoded, scene
from PIL import Image

from trainables.data.pictures.look import CUT, look_at

LIMIT = 10**8


def cut_notes(path: Path, data: bytes) -> list[str]:
    """What is said of a file with these bytes."""
    path.write_bytes(data)
    facts = look_at(path, LIMIT)
    assert facts.fault is None
    return [note for note in facts.notes if note.startswith(CUT)]


@pytest.mark.parametrize(
    "options", [{}, {"quality": 95}, {"subsampling": 0}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 3}]
)
@pytest.mark.parametrize("size", [(640, 480), (200, 280), (250, 2_000)])
def test_the_missing_share_is_told(tmp_path: Path, options: dict[str, Any], size: tuple[int, int]) -> None:
    """A third of the data is left, or a half, or nearly all: it is noticed, and about so much is said to be grey."""
    whole = encoded(scene(1, size), "JPEG", **options)
    assert cut_notes(tmp_path / "a.jpg", whole) == []
    for share in (0.33, 0.5, 0.97):
        (note,) = cut_notes(tmp_path / "a.jpg", closed_early(whole, share))
        told = int(re.findall(r"(\d+)%", note)[0])
        assert abs(told - 100 * (1 - share)) < 15


def test_no_picture_with_all_its_data_is_suspected(tmp_path: Path) -> None:
    """Grey that is really there, all of it or a part, in many ways to encode it."""
    rng = np.random.default_rng(0)
    for number in range(30):
        width, height = (int(side) for side in rng.integers(8, 200, 2))
        picture = Image.new("RGB", (width, height), (128, 128, 128))
        picture.paste(scene(number, (width, max(1, height // 2))), (0, 0))
        options: dict[str, Any] = {
            "quality": int(rng.integers(10, 100)),
            "progressive": bool(rng.integers(2)),
            "optimize": bool(rng.integers(2)),
            "restart_marker_blocks": int(rng.integers(0, 4)),
        }
        grey = number % 3 == 0
        assert cut_notes(tmp_path / "a.jpg", encoded(picture.convert("L" if grey else "RGB"), "JPEG", **options)) == []


def test_a_progressive_jpeg_that_lacks_scans_is_noticed(tmp_path: Path) -> None:
    """It shows the whole picture, blurred; with all scans nothing is said."""
    whole = encoded(scene(2, (300, 200)), "JPEG", progressive=True)
    scans = [match.start() for match in re.finditer(b"\xff\xda", whole)]
    assert cut_notes(tmp_path / "a.jpg", whole) == []
    for scan in scans[1:]:
        assert cut_notes(tmp_path / "a.jpg", whole[:scan] + END)
