"""Near duplicates by fingerprints: pictures saved again in other ways, and pictures that only resemble each other."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from odd_pictures import scene
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from trainables.data.check import near
from trainables.data.check.near import near_pairs
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.fingerprint import BYTES, chroma_of, fingerprint, luma_of

SIZE = (240, 180)


def facts_of(pictures: list[Image.Image]) -> list[PictureFacts]:
    """What near duplicates are found by."""
    return [
        PictureFacts(width=picture.width, height=picture.height, fingerprint=fingerprint(picture))
        for picture in pictures
    ]


def drawing(seed: int) -> Image.Image:
    """A few coloured shapes on white, as clip art is."""
    rng = np.random.default_rng((seed, 1))
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 6))):
        corners = rng.integers(20, (SIZE[0] - 20, SIZE[1] - 20), (int(rng.integers(3, 8)), 2))
        draw.polygon([tuple(map(int, corner)) for corner in corners], fill=tuple(map(int, rng.integers(0, 256, 3))))
    return picture


def recompressed(picture: Image.Image) -> Image.Image:
    """As a JPEG of low quality."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=40)
    return Image.open(stream).convert("RGB")


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg": recompressed,
    "smaller": lambda picture: picture.resize((90, 68)),
    "larger": lambda picture: picture.resize((500, 375)),
    "cut at the left": lambda picture: picture.crop((7, 0, picture.width, picture.height)),
    "cut around": lambda picture: picture.crop((4, 3, picture.width - 4, picture.height - 3)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.8),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.8),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1.5)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("made", [drawing, lambda seed: scene(seed, SIZE)])
def test_a_picture_saved_again_is_found_and_no_other(change: str, made: Callable[[int], Image.Image]) -> None:
    """Of 25 pictures and their changed copies, the pairs are those that belong together; one may be missed."""
    pictures = [made(seed) for seed in range(25)]
    found = near_pairs(facts_of([*pictures, *map(CHANGES[change], pictures)]))
    assert {other - one for one, other in found} == {25}
    assert len(found) >= 24


def test_what_differs_in_a_part_is_no_duplicate() -> None:
    """The same frame with another sign in it, the same shape in another colour, the mirrored picture, the negative."""
    frame = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(frame).rectangle((20, 20, 220, 160), outline="black", width=12)
    signs = []
    for box in ((50, 50, 110, 130), (130, 50, 190, 130)):
        sign = frame.copy()
        ImageDraw.Draw(sign).ellipse(box, fill="black")
        signs.append(sign)
    red, blue = (Image.composite(Image.new("RGB", SIZE, c), frame, signs[0].convert("L")) for c in ("red", "blue"))
    photograph = scene(1, SIZE)
    mirrored = photograph.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    negative = Image.eval(photograph, lambda value: 255 - value)
    assert near_pairs(facts_of([frame, *signs, red, blue, photograph, mirrored, negative])) == []


def test_shape_counts() -> None:
    """A picture squeezed to another shape isn't taken for the same; a picture without a fingerprint is in no pair."""
    photograph = scene(2, SIZE)
    assert near_pairs(facts_of([photograph, photograph.resize((180, 180))])) == []
    assert near_pairs([PictureFacts(fault="x"), *facts_of([photograph]), PictureFacts(fault="y")]) == []
    assert near_pairs([]) == []


def test_flat_pictures_are_not_compared() -> None:
    """All white ones aren't duplicates of all grey ones: nothing tells them apart or together."""
    flat = [Image.new("RGB", SIZE, colour) for colour in ("white", "white", "grey", "black")]
    assert near_pairs(facts_of(flat)) == []


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same groups whatever the block, pairs within one and across two; places stay those of the facts."""
    pictures = [drawing(seed % 9) for seed in range(30)]
    facts = [PictureFacts(fault="cut"), *facts_of(pictures)]
    expected = {number: {1 + place for place in range(30) if place % 9 == number} for number in range(9)}
    for block, pairs in ((4, 2), (7, 128), (1024, 1)):
        monkeypatch.setattr(near, "BLOCK", block)
        monkeypatch.setattr(near, "PAIRS", pairs)
        found = near_pairs(facts)
        assert all(one < other and {one, other} <= expected[(one - 1) % 9] for one, other in found)
        assert len(found) == 30 - 9  # a tree for each group: what is tied isn't compared again


def test_a_fingerprint_hardly_depends_on_the_number_of_pixels() -> None:
    """1,152 bytes; those of a picture and of its half are alike to a few levels."""
    picture = scene(3, (400, 300))
    both = [fingerprint(picture), fingerprint(picture.resize((200, 150), Image.Resampling.BOX))]
    assert {len(one) for one in both} == {BYTES} == {1152}
    assert np.abs(np.diff(luma_of(both), axis=0)).max() <= 4
    assert np.abs(np.diff(chroma_of(both), axis=0)).max() <= 3


def test_pictures_of_any_size_have_a_fingerprint() -> None:
    """A single pixel and a line too."""
    for size in ((1, 1), (500, 1), (1, 500)):
        assert len(fingerprint(Image.new("RGB", size, "red"))) == BYTES
