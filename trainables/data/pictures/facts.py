"""What is known of one picture file: plain values, sent by a worker process and kept in a cache."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class PictureFacts:
    """One picture file. Where it can't be read, what wasn't reached is empty or 0."""

    size_bytes: int = 0
    sha256: str = ""  # of the file, hexadecimal
    format: str = ""  # by its content, as Pillow names it: JPEG, PNG, MPO (several JPEGs in one file), ...
    mode: str = ""  # as it is stored, as Pillow names it: RGB, L, P, CMYK, I;16, ...
    width: int = 0  # px, upright
    height: int = 0
    fault: str | None = None  # why it can't be used
    notes: tuple[str, ...] = ()  # what is odd about it, each `<kind>: <in words>`, kinds as in `look.py`
    fingerprint: bytes = b""  # what it looks like, made by `fingerprint.py`; alike for near duplicates
    pixels: str = ""  # a digest of what it shows: equal where the same pixels were saved in different files
    taken: str = ""  # EXIF's time, `2024:05:31 12:00:00`
    camera: str = ""  # EXIF's make and model

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "fingerprint": base64.b64encode(self.fingerprint).decode("ascii")}


def facts_from_json(raw: Mapping[str, Any]) -> PictureFacts:
    """What `as_json` made. ValueError or TypeError where it isn't that."""
    if raw.keys() != {field.name for field in fields(PictureFacts)}:
        raise ValueError(f"facts of a picture have other keys: {sorted(raw)}")
    changed = {"fingerprint": base64.b64decode(raw["fingerprint"], validate=True), "notes": tuple(raw["notes"])}
    return PictureFacts(**{**raw, **changed})
