"""Grey of more than 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_pictures import grey_ramp, sixteen_bits
from picture_fakes import read_picture
from PIL import Image

from trainables.data.pictures.load import load_picture
from trainables.runtime.grey import eight_bits, held_bits


def written(path: Path, data: bytes) -> Path:
    """The path, once the bytes lie there."""
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("highest", "bits"), [(200, 8), (255, 8), (256, 10), (1_023, 10), (1_024, 12), (4_095, 12), (4_096, 16)]
)
def test_values_are_scaled_by_the_bits_that_hold_them(tmp_path: Path, highest: int, bits: int) -> None:
    """A camera's 12 bits in 16 aren't black: the highest value that so many bits hold becomes 255."""
    path = written(tmp_path / "a.png", sixteen_bits(grey_ramp(highest)))
    assert np.asarray(read_picture(path)).max() == round(highest / (2**bits - 1) * 255)
    with Image.open(path) as image:
        assert held_bits(image) == (None if bits == 16 else (highest, bits))


def test_values_of_sixteen_bits_stay_as_they_were(tmp_path: Path) -> None:
    """What uses all bits is divided by 257, in PNG and TIFF."""
    ramp = grey_ramp(65_535)
    Image.fromarray(ramp).save(tmp_path / "a.tif")
    written(tmp_path / "a.png", sixteen_bits(ramp))
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(np.asarray(read_picture(tmp_path / name))[..., 0], np.rint(ramp / 257))


def test_a_transparent_value_of_sixteen_bits_becomes_white(tmp_path: Path) -> None:
    """tRNS names one grey value: it lies on white, and doesn't count among the values that tell the bits."""
    values = np.array([[0, 4_095], [40_000, 2_000]], dtype=np.uint16)
    picture = read_picture(written(tmp_path / "a.png", sixteen_bits(values, (b"tRNS", (40_000).to_bytes(2, "big")))))
    assert np.asarray(picture)[..., 0].tolist() == [[0, 255], [255, 125]]
    hidden = sixteen_bits(np.zeros((2, 2), dtype=np.uint16), (b"tRNS", b"\0\0"))
    assert load_picture(written(tmp_path / "b.png", hidden), 32, "pad").min() == 255


@settings(max_examples=60)
@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=30))
def test_order_is_kept(values: list[int]) -> None:
    """Whatever the bits: a brighter value never becomes a darker one, and black stays black."""
    found = eight_bits(np.array(values, dtype=np.float64), whole=True)
    assert (np.diff(found[np.argsort(values)].astype(int)) >= 0).all()
    assert all(found[place] == 0 for place, value in enumerate(values) if value == 0)


def test_only_wide_integers_have_bits_to_spare() -> None:
    """8-bit pictures and floats are scaled otherwise."""
    assert held_bits(Image.new("L", (2, 2))) is None
    assert held_bits(Image.new("F", (2, 2))) is None
    assert held_bits(Image.fromarray(np.array([[-5, 5]], dtype=np.int32))) is None
