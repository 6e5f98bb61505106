"""One picture file looked at: decoded as small as its format allows, with all that is odd about it. A worker's task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from PIL import Image

from trainables.data.pictures.cut_jpeg import lacks_scans, missing_share
from trainables.data.pictures.facts import PictureFacts
from trainables.data.pictures.fingerprint import fingerprint
from trainables.data.pictures.load import FAULTS, opened, orientation, reason_of, upright_rgb
from trainables.runtime.grey import held_bits, is_deep_grey
from trainables.runtime.pictures import decoded_pixels
from trainables.runtime.room import machine_room

LOOK_VERSION: Final = 1  # a change of what is found makes what was found before useless
DRAFT: Final = (96, 96)  # px: a JPEG is decoded at an eighth where that is larger
JPEGS: Final = ("JPEG", "MPO")

# Kinds of notes.
TURNED: Final = "turned"
FRAMES: Final = "frames"
STRETCHED: Final = "stretched"
CMYK: Final = "cmyk"
TRANSPARENT: Final = "transparent"
FLAT: Final = "flat"
CUT: Final = "cut"
METADATA: Final = "metadata"
ENDING: Final = "ending"  # told by `examine`, which knows the names

_TEXT: Final = 80  # characters of EXIF that are kept
_MAKE, _MODEL, _CHANGED, _EXIF_FOLDER, _TAKEN = 0x010F, 0x0110, 0x0132, 0x8769, 0x9003


def look_at(path: Path, pixel_limit: int) -> PictureFacts:
    """All but the file's size and digest, which the caller knows. Raises nothing: a fault is a fact."""
    found: dict[str, Any] = {}
    try:
        _look(path, pixel_limit, found)
    except FAULTS as error:
        found["fault"] = reason_of(path, error)
    return PictureFacts(**found)


def _look(path: Path, pixel_limit: int, found: dict[str, Any]) -> None:
    """Into `found`, so that what was seen before a fault stays."""
    with opened(path, pixel_limit) as image:
        width, height = image.size
        found |= {"format": image.format or "", "mode": image.mode, "width": width, "height": height}
        image.draft(None, DRAFT)
        with machine_room().taken(decoded_pixels(image, width * height)):
            picture = upright_rgb(image)
            if orientation(image) >= 5:
                found |= {"width": height, "height": width}
            found["pixels"] = _pixel_digest(picture, found["width"], found["height"])
            found["fingerprint"] = fingerprint(picture)
            found["taken"], found["camera"] = _taken(image), _camera(image)
            found["notes"] = tuple(_notes(path, image, picture))


def _pixel_digest(picture: Image.Image, width: int, height: int) -> str:
    shape = f"{width}x{height}:{picture.width}x{picture.height}:".encode()
    return hashlib.sha256(shape + picture.tobytes()).hexdigest()


def _notes(path: Path, image: Image.Image, picture: Image.Image) -> Iterator[str]:
    """`image`: as it is stored; `picture`: as it is used. What moves to another frame comes last."""
    if (turn := orientation(image)) in range(2, 9):
        yield f"{TURNED}: EXIF turns or mirrors it (orientation {turn})"
    if (held := held_bits(image)) is not None:
        yield f"{STRETCHED}: its grey values go to {held[0]:,}, so that they are taken to have {held[1]} bits of 16"
    if image.mode == "CMYK":
        yield f"{CMYK}: its colours are made for print (CMYK)"
    if _is_transparent(image):
        yield f"{TRANSPARENT}: parts of it are transparent, and put on white"
    if all(low == high for low, high in _ranges(picture)):
        yield f"{FLAT}: it has one colour and shows nothing"
    if image.format in JPEGS and (missing := missing_share(path, image, DRAFT)):
        yield f"{CUT}: its data end early, and the lower {max(0.01, missing):.0%} of it is grey"
    if image.info.get("progressive") and lacks_scans(path):
        yield f"{CUT}: its data end early, so that it is blurred"
    if not _has_sound_metadata(image):
        yield f"{METADATA}: its EXIF is damaged, so that it may lie on its side"
    if _has_frames(image):
        yield f"{FRAMES}: it has several frames or pages, of which the first is taken"


def _ranges(picture: Image.Image) -> list[tuple[int, int]]:
    return [band.getextrema() for band in picture.split()]  # type: ignore[misc]


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    if is_deep_grey(image):
        return True
    with_alpha = image if image.mode == "RGBA" else image.convert("RGBA")
    lowest, _ = with_alpha.getchannel("A").getextrema()
    return lowest < 255  # type: ignore[operator]


def _has_sound_metadata(image: Image.Image) -> bool:
    """Read anew: Pillow complains of a picture's damage once."""
    exif = Image.Exif()
    try:
        exif.load(image.info.get("exif", b""))
        exif.get_ifd(_EXIF_FOLDER)
    except FAULTS:
        return False
    return True


def _has_frames(image: Image.Image) -> bool:
    """An MPO's further pictures are a phone's own: previews, depth."""
    try:
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    except FAULTS:
        return False


def _taken(image: Image.Image) -> str:
    """When the picture was taken; where that isn't known, when it was written."""
    try:
        exif = image.getexif()
        return _text(exif.get_ifd(_EXIF_FOLDER).get(_TAKEN) or exif.get(_CHANGED))
    except FAULTS:
        return ""


def _camera(image: Image.Image) -> str:
    try:
        exif = image.getexif()
        return " ".join(filter(None, [_text(exif.get(_MAKE)), _text(exif.get(_MODEL))]))
    except FAULTS:
        return ""


def _text(value: object) -> str:
    return value.strip(" \t\r\n\0")[:_TEXT] if isinstance(value, str) else ""
