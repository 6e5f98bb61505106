"""A first study's pictures: a packaged network, and sizes that suit them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from trainables.image.config import ImageTrialConfig
from trainables.image.starter import SIZES, image_starter


@pytest.mark.parametrize(("side", "largest"), [(50, 96), (110, 128), (300, 224)])
def test_sizes_are_about_the_pictures(tmp_path: Path, side: int, largest: int) -> None:
    """Blown up, they would cost and tell no more; a file that is no picture doesn't count."""
    Image.new("RGB", (side, side // 2)).save(tmp_path / "one.png")
    (tmp_path / "odd.png").write_text("no picture")
    starter = image_starter([tmp_path / "one.png", tmp_path / "odd.png"])
    assert starter.scales[0][0] == {"size": largest}
    assert starter.scales[-1] == ({"size": SIZES[-1]}, 1.0)


def test_it_is_a_trial_at_every_scale() -> None:
    """With and without its points."""
    starter = image_starter([])
    for scale, _ in starter.scales:
        for point in ({}, *starter.points):
            assert ImageTrialConfig.parsed({**starter.own, **scale, **point}).size in SIZES
